"""The load test of benchmarks/serve.py, for three seconds."""

from urllib.parse import urlsplit

import pytest

pytest.importorskip("fastapi", reason="needs the extra `web`")

from benchmarks.serve import load
from tests.web.browser import live
from tests.web.conftest import SAMPLE


def test_fifty_clients_are_answered_or_told_to_wait():
    with live(max_queue=20) as address:
        responses = load(urlsplit(address).port, 50, 3.0, SAMPLE.read_bytes())
    assert set(responses.statuses) <= {"200", "429"}
    assert responses.statuses["200"] > 0
    assert responses.statuses["429"] > 0
