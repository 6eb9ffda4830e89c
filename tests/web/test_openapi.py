"""The service against its own description: no request that it allows, and none that it forbids, breaks it."""

import hypothesis
import pytest

from tests.sounds import encoded, voice
from tests.web.browser import live

pytest.importorskip("fastapi", reason="needs the extra `web`")
schemathesis = pytest.importorskip("schemathesis", reason="needs schemathesis, to make requests from the document")

pytestmark = pytest.mark.slow

SOUND = encoded(voice(1.0))
CHECKS = {"status_code_conformance", "content_type_conformance", "response_schema_conformance", "not_a_server_error"}
BOUNDED = hypothesis.settings(
    max_examples=40,
    deadline=None,
    database=None,
    derandomize=True,
    suppress_health_check=list(hypothesis.HealthCheck),
    phases=[hypothesis.Phase.generate],
)


@pytest.fixture(scope="module")
def schema():
    with live(duration_s=60.0, upload_bytes=2**20, idle_s=5.0) as address:
        yield schemathesis.openapi.from_url(f"{address}/openapi.json")


@pytest.mark.parametrize("mode", ["positive", "negative"])
def test_every_answer_is_as_described(schema, mode):
    checks = [check for check in schemathesis.checks.CHECKS.get_all() if check.__name__ in CHECKS]
    assert len(checks) == len(CHECKS)
    statuses = set()
    for found in schema.get_all_operations():
        operation = found.ok()
        try:
            cases = operation.as_strategy(generation_mode=schemathesis.GenerationMode(mode))

            @hypothesis.given(case=cases)
            @BOUNDED
            def holds(case):
                if (
                    isinstance(case.body, dict)
                    and isinstance(case.body.get("file"), bytes)
                    and len(case.body["file"]) % 2
                ):
                    case.body = {"file": SOUND}
                response = case.call_and_validate(checks=checks, timeout=30)
                statuses.add(response.status_code)

            holds()
        except hypothesis.errors.Unsatisfiable:  # nothing about this operation can be wrong
            assert mode == "negative"
    assert {"positive": 200, "negative": 422}[mode] in statuses
