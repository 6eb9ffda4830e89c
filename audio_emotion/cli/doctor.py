"""``audio-emotion doctor``."""

import itertools
import json
import textwrap
from typing import TYPE_CHECKING, Annotated

import typer

from audio_emotion.cli._app import NOTHING_DONE, command
from audio_emotion.cli._streams import libraries_silenced

if TYPE_CHECKING:
    from audio_emotion.cli._doctor import Diagnosis, Finding

EXAMPLES = """
    audio-emotion doctor
    audio-emotion doctor --json > diagnosis.json
"""

_MARKS = {"ok": "ok  ", "note": "note", "fail": "FAIL"}
_WIDTH = 120


@command
def doctor(
    as_json: Annotated[
        bool,
        typer.Option("--json", help="Print a JSON object.", rich_help_panel="Output"),
    ] = False,
) -> None:
    """Check the installation and suggest fixes; the exit code is 1 if `infer` cannot work."""
    from audio_emotion.cli._doctor import examine

    with libraries_silenced():
        diagnosis = examine()
    if as_json:
        print(json.dumps(diagnosis.as_dict(), indent=2, ensure_ascii=False))
    else:
        print("\n".join(_lines(diagnosis)))
    if not diagnosis.usable:
        raise typer.Exit(NOTHING_DONE)


def _lines(diagnosis: "Diagnosis") -> list[str]:
    lines = [f"audio-emotion {diagnosis.version}, {diagnosis.platform}"]
    for group, findings in itertools.groupby(diagnosis.findings, lambda finding: finding.group):
        lines += ["", group]
        for finding in findings:
            lines += _wrapped(finding)
    return [*lines, "", _summary(diagnosis)]


def _wrapped(finding: "Finding") -> list[str]:
    """Return a finding's lines; the fix is below it on one line, so that it can be copied."""
    lines = textwrap.wrap(
        f"{_MARKS[finding.status]}  {finding.message}",
        _WIDTH,
        initial_indent="  ",
        subsequent_indent=" " * 8,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return [*lines, f"        → {finding.fix}"] if finding.fix else lines


def _summary(diagnosis: "Diagnosis") -> str:
    needed = sum(finding.needed for finding in diagnosis.broken)
    others = len(diagnosis.broken) - needed
    if needed:
        return f"infer does not work: {needed} required check(s) failed; see the lines with FAIL"
    if others:
        return f"infer works; {others} optional check(s) failed"
    return f"infer works, and no check failed ({diagnosis.seconds:.1f} s)"
