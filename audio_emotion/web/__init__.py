"""The service: a page and a REST interface in one process. Extra ``web``.

``connections`` and ``guard`` stand before every route; ``api``, ``stream`` and ``page`` are the routes; ``uploads``
receives recordings; ``service`` predicts them, with decoding in processes of its own (``readers`` runs there) and the
windows of all requests put through the model in batches (``batcher``).
"""
