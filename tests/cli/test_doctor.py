import json
import subprocess
import sys

import jsonschema
import pytest
from typer.testing import CliRunner

from audio_emotion.cli import _doctor, app
from audio_emotion.cli._doctor import Diagnosis, Finding

SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "required": [
        *("schema", "version", "python", "platform", "usable", "findings", "versions", "timings_s", "seconds"),
    ],
    "properties": {
        "schema": {"const": 1},
        "version": {"type": "string"},
        "python": {"type": "string"},
        "platform": {"type": "string"},
        "usable": {"type": "boolean"},
        "findings": {
            "type": "array",
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": ["group", "name", "status", "message", "fix", "needed"],
                "properties": {
                    "group": {
                        "enum": [
                            *("python", "packages", "devices", "audio", "microphone"),
                            *("folders", "models", "self-test"),
                        ]
                    },
                    "name": {"type": "string"},
                    "status": {"enum": ["ok", "note", "fail"]},
                    "message": {"type": "string"},
                    "fix": {"type": "string"},
                    "needed": {"type": "boolean"},
                },
            },
        },
        "versions": {"type": "object", "additionalProperties": {"type": ["string", "null"]}},
        "timings_s": {
            "type": "object",
            "additionalProperties": False,
            "properties": {"cold": {"type": "number"}, "warm": {"type": "number"}},
        },
        "seconds": {"type": "number"},
    },
}


def test_all_checks_pass_here_and_the_json_needs_no_torch(home):
    code = (
        "import sys\nfrom audio_emotion.cli import main\n"
        "try:\n    main()\nexcept SystemExit as end:\n    assert not end.code\n"
        "from audio_emotion.inference.backends import choose_device\n"
        "heavy = {'torch', 'librosa', 'sklearn', 'scipy', 'matplotlib'} & set(sys.modules)\n"
        "sys.exit(f'loaded {heavy}' if heavy and choose_device() == 'cpu' else 0)"
    )
    arguments = [sys.executable, "-c", code, "doctor", "--json"]
    result = subprocess.run(arguments, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stderr) == (0, "")
    content = json.loads(result.stdout)
    jsonschema.validate(content, SCHEMA)
    assert content["usable"]
    assert content["timings_s"]["cold"] > content["timings_s"]["warm"] > 0
    assert all(finding["fix"] for finding in content["findings"] if finding["status"] == "fail")


@pytest.mark.parametrize(
    ("needed", "code", "end"),
    [
        (True, 1, "infer does not work: 1 required check(s) failed; see the lines with FAIL"),
        (False, 0, "infer works; 1 optional check(s) failed"),
        (None, 0, "infer works, and no check failed (0.5 s)"),
    ],
)
def test_every_line_is_marked_and_a_failure_has_a_fix(
    monkeypatch: pytest.MonkeyPatch, needed: bool | None, code: int, end: str
):
    findings = [Finding("a", "x", "ok", "all is well"), Finding("a", "y", "note", "no z " * 40, "pip install z")]
    if needed is not None:
        findings.append(Finding("b", "w", "fail", "w is gone", "pip install w", needed))
    monkeypatch.setattr(_doctor, "examine", lambda: Diagnosis("1", "3", "Linux", tuple(findings), {}, {}, 0.5))
    result = CliRunner().invoke(app, ["doctor"], prog_name="audio-emotion")
    assert result.exit_code == code
    lines = result.stdout.splitlines()
    assert lines[0] == "audio-emotion 1, Linux"
    assert lines[2:4] == ["a", "  ok    all is well"]
    assert lines[4].startswith("  note  no z no z")
    assert lines[5].startswith(" " * 8 + "z no z")
    assert "        → pip install z" in lines
    assert ("  FAIL  w is gone" in lines) == ("        → pip install w" in lines) == (needed is not None)
    assert lines[-1] == end
