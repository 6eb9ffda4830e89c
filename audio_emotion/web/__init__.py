"""The service: a page and a REST interface over one process. Extra ``web``.

``guard`` stands in front of every route; ``api``, ``stream`` and ``page`` are the routes; ``hearing`` answers what they
ask, with decoding in processes of its own (``reading`` is what runs there) and windows of all requests put through the
model together (``batcher``).
"""
