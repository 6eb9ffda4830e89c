"""Checks of Python and packages. Versions are read from metadata, without importing the packages."""

import platform
import re
import sys
from collections.abc import Iterator, Mapping
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec

from audio_emotion.cli._doctor.findings import Finding
from audio_emotion.core.packages import EXTRAS, INFER, TRAIN, install_command, requirements

GROUP = "packages"
PYTHON = (3, 11)
"""The first supported Python."""


def installed() -> dict[str, str | None]:
    """Return the version of every package that the project uses; None if it is not installed."""
    names = [*INFER, *TRAIN, *(name for _, packages in EXTRAS.values() for name in packages)]
    return {name: _version(name) for name in names}


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:  # another distribution may contain the module, such as onnxruntime-gpu
        return "from another distribution" if find_spec(name.replace("-", "_")) else None


def examine_python() -> Iterator[Finding]:
    """Check the version of Python."""
    message = f"Python {platform.python_version()} in {sys.prefix}"
    if sys.version_info[:2] >= PYTHON:
        yield Finding("python", "version", "ok", message, needed=True)
    else:
        fix = f"install with Python {PYTHON[0]}.{PYTHON[1]} or later"
        yield Finding("python", "version", "fail", f"{message} is not supported", fix, needed=True)


def examine_packages(found: Mapping[str, str | None]) -> Iterator[Finding]:
    """Check the packages: one finding per set, and one per missing or outdated package."""
    yield from _of_set("infer", INFER, found, needed=True)
    yield from _of_set("training", TRAIN, found, needed=False)
    for extra, (purpose, packages) in EXTRAS.items():
        wrong = {name: found[name] for name, least in packages.items() if not _will_do(found[name], least)}
        if wrong:
            message = ", ".join(f"{name} {_wrong(has, packages[name])}" for name, has in wrong.items())
            fix = install_command(extra, inference_only=found["torch"] is None)
            yield Finding(GROUP, extra, "note", f"for {purpose}: {message}", fix)
        else:
            yield Finding(GROUP, extra, "ok", f"for {purpose}: {_listed(packages, found)}")


def _of_set(
    title: str, packages: Mapping[str, str], found: Mapping[str, str | None], needed: bool
) -> Iterator[Finding]:
    good = [name for name, least in packages.items() if _will_do(found[name], least)]
    if good:
        yield Finding(GROUP, title, "ok", f"for {title}: {_listed(good, found)}", needed=needed)
    # an installation for inference alone has no torch on purpose
    absent = [name for name in packages if found[name] is None and not needed]
    if absent:
        fix = requirements({name: packages[name] for name in absent})
        yield Finding(GROUP, f"{title}, missing", "note", f"for {title}, not installed: {', '.join(absent)}", fix)
    for name in packages:
        if name not in good and name not in absent:
            message = f"for {title}: {name} {_wrong(found[name], packages[name])}"
            yield Finding(GROUP, name, "fail", message, requirements({name: packages[name]}), needed)


def _listed(names: "Mapping[str, str] | list[str]", found: Mapping[str, str | None]) -> str:
    return ", ".join(f"{name} {found[name]}" for name in names)


def _wrong(has: str | None, least: str) -> str:
    return "is not installed" if has is None else f"is {has}, expected {least} or newer"


def _will_do(has: str | None, least: str) -> bool:
    return has is not None and (not has[0].isdigit() or _numbers(has) >= _numbers(least))


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(map(int, re.findall(r"\d+", text)[:3]))
