"""Search for settings: what is tried (:mod:`space`), its record on disk (:mod:`trials`), the search, its report."""
