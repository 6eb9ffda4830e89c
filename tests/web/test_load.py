"""benchmarks/serve.py: its load test for three seconds, its verdict, and the table that it writes."""

import json
from urllib.parse import urlsplit

import pytest

pytest.importorskip("fastapi", reason="needs the extra `web`")

from benchmarks.serve import DOCUMENT, RECORD, broken_limits, load, table
from tests.web.browser import live
from tests.web.conftest import SAMPLE


def test_fifty_clients_are_answered_or_told_to_wait():
    with live(max_queue=20) as address:
        responses = load(urlsplit(address).port, 50, 3.0, SAMPLE.read_bytes())
    assert set(responses.statuses) <= {"200", "429"}
    assert responses.statuses["200"] > 0
    assert responses.statuses["429"] > 0


def test_the_table_of_the_documentation_is_that_of_the_record():
    assert table(json.loads(RECORD.read_text("utf-8"))) in DOCUMENT.read_text("utf-8")


def test_a_record_that_breaks_a_limit_is_told_apart():
    kept = {
        "clients": {"statuses": {"200": 9, "429": 1}, "rss_mib": {"before": 100, "after": 119}},
        "mixed": {"long": ["200"], "short": {"statuses": {"200": 1}, "latency_ms": {"p95": 999}}},
        "machine": {"cores": 2},
    }
    assert broken_limits(kept) == []
    broken = {
        "clients": {"statuses": {"200": 9, "500": 1}, "rss_mib": {"before": 100, "after": 121}},
        "mixed": {"long": ["413"], "short": {"statuses": {"200": 1}, "latency_ms": {"p95": 1001}}},
    }
    assert broken_limits(broken) == [
        "clients: memory grew from 100 to 121 MiB",
        "clients: statuses 500",
        "mixed: statuses 413",
        "mixed: short requests took 1001 ms (p95), more than 1000",
    ]
