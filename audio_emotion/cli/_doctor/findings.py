"""The findings of the doctor."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

Status = Literal["ok", "note", "fail"]

SCHEMA = 1
"""Version of :meth:`Diagnosis.as_dict`; increases if an entry is renamed, removed or changes its meaning."""


@dataclass(frozen=True)
class Finding:
    """The result of one check.

    Attributes:
        group: such as ``packages``.
        name: of the check.
        status: ``ok``; ``note``, missing but not needed by ``infer``; ``fail``, broken.
        message: what the check found.
        fix: what to do about it; empty if there is nothing to do.
        needed: whether a plain ``infer`` cannot do without it.
    """

    group: str
    name: str
    status: Status
    message: str
    fix: str = ""
    needed: bool = False


@dataclass(frozen=True)
class Diagnosis:
    """All findings.

    Attributes:
        version: of this package.
        python: its version.
        platform: system and machine.
        findings: in the order in which they are printed.
        versions: of each package that is used; None: not installed.
        timings: of the self-test in seconds: ``cold``, a complete ``infer``, ``warm``, another prediction; or empty.
        seconds: duration of all checks.
    """

    version: str
    python: str
    platform: str
    findings: tuple[Finding, ...]
    versions: Mapping[str, str | None]
    timings: Mapping[str, float]
    seconds: float

    @property
    def usable(self) -> bool:
        """Whether a plain ``infer`` works."""
        return not any(finding.status == "fail" and finding.needed for finding in self.findings)

    @property
    def broken(self) -> tuple[Finding, ...]:
        """All failed checks, needed by ``infer`` or not."""
        return tuple(finding for finding in self.findings if finding.status == "fail")

    def as_dict(self) -> dict[str, Any]:
        """Return the output of ``doctor --json``."""
        return {
            "schema": SCHEMA,
            "version": self.version,
            "python": self.python,
            "platform": self.platform,
            "usable": self.usable,
            "findings": [asdict(finding) for finding in self.findings],
            "versions": dict(self.versions),
            "timings_s": dict(self.timings),
            "seconds": self.seconds,
        }
