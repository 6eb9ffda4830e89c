"""Search for settings: the space (:mod:`space`), the trials on disk (:mod:`trials`), the search and its report."""
