"""Checks the installation, tries a prediction, and suggests fixes.

It runs on machines where something is broken, so it imports only the standard library until it knows what is there,
and a check that fails stops no other.
"""

import platform
import time
from collections.abc import Callable, Iterable

from audio_emotion.cli._doctor import machine, models, packages
from audio_emotion.cli._doctor.findings import SCHEMA, Diagnosis, Finding, Status
from audio_emotion.core.version import __version__

__all__ = ["SCHEMA", "Diagnosis", "Finding", "Status", "examine"]


def examine() -> Diagnosis:
    """Run all checks; takes less than two seconds without an accelerator."""
    began = time.monotonic()
    versions = packages.installed()
    found = [*packages.examine_python(), *packages.examine_packages(versions)]
    if any(finding.status == "fail" and finding.needed for finding in found):
        message = "skipped, because a required package is missing"
        found.append(Finding("self-test", "infer", "note", message, "fix what failed above, and run this again"))
        return _diagnosis(found, versions, {}, began)
    found += _looked("devices", lambda: machine.examine_devices(versions))
    found += _looked("audio", machine.examine_decoders)
    found += _looked("microphone", machine.examine_microphones, needed=False)
    found += _looked("folders", machine.examine_folders, needed=False)
    found += _looked("models", models.examine_models)
    timings: dict[str, float] = {}

    def tried() -> Iterable[Finding]:
        tests, measured = models.self_test()
        timings.update(measured)
        return tests

    found += _looked("self-test", tried)
    return _diagnosis(found, versions, timings, began)


def _diagnosis(
    found: list[Finding], versions: dict[str, str | None], timings: dict[str, float], began: float
) -> Diagnosis:
    return Diagnosis(
        __version__,
        platform.python_version(),
        f"{platform.system()} {platform.machine()}",
        tuple(found),
        versions,
        timings,
        round(time.monotonic() - began, 3),
    )


def _looked(group: str, look: Callable[[], Iterable[Finding]], needed: bool = True) -> list[Finding]:
    """Return the findings of a check; an unexpected error is a finding too."""
    try:
        return list(look())
    except Exception as error:
        message = f"the check failed ({type(error).__name__}: {' '.join(str(error).split())})"
        absent = error.name if isinstance(error, ImportError) and error.name else "audio-emotion"
        return [Finding(group, "look", "fail", message, f"pip install --force-reinstall {absent}", needed)]
