"""Write docs/licences.md, every dependency with its licence: `python -m scripts.licences`.

The packages are those in pyproject.toml and their dependencies. The licences come from the metadata of the packages in
the current environment, so run it where all extras are installed.
"""

import re
import tomllib
from collections.abc import Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "licences.md"
HEAD = """# Dependencies and licences

The code is under the [MIT licence](../LICENSE). The bundled weights are under
[CC BY-NC-SA 4.0](../audio_emotion/weights/LICENSE), those of the model `open` under the
[Open Database License 1.0](../audio_emotion/weights/LICENSE-OPEN). The pretrained weights in the package are under the
[Apache License 2.0](../audio_emotion/weights/LICENSE-APACHE-2.0) (speech-embedding), the
[BSD 2-Clause License](../audio_emotion/weights/LICENSE-BSD-2-CLAUSE) and the
[MIT License](../audio_emotion/weights/LICENSE-WHISPER-MIT) (whisper-tiny). The tables below list the dependencies
with the licence that each package states. [scripts/licences.py](../scripts/licences.py) wrote them on Linux without
CUDA. With CUDA, torch installs NVIDIA's libraries, which have NVIDIA's own licence. PyAV's wheels contain FFmpeg (it
states LGPL-3.0-or-later), and soundfile's contain libsndfile (LGPL-2.1-or-later).
"""
CLASSIFIER = "License :: "
LONGEST = 60  # characters of a licence's name: what is longer is its text


def main() -> None:
    """Write the page."""
    PAGE.write_text(render(), "utf-8")


def render() -> str:
    """Return the page: a table for every installation, and one for each extra."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    core = closure(project["dependencies"])
    parts = [HEAD, "## Every installation\n", *_table(core, project["dependencies"])]
    for extra, needed in sorted(project["optional-dependencies"].items()):
        more = {name: dist for name, dist in closure(needed).items() if name not in core}
        parts += [f"## With the extra `{extra}`\n", *_table(more, needed)]
    return "\n".join(parts)


def closure(requirements: list[str]) -> dict[str, Distribution | None]:
    """Return the requirements and their dependencies by name; None for a package that is not installed here."""
    found: dict[str, Distribution | None] = {}
    waiting = [Requirement(text) for text in requirements]
    seen: set[tuple[str, frozenset[str]]] = set()
    while waiting:
        one = waiting.pop()
        name, extras = str(canonicalize_name(one.name)), frozenset(one.extras)
        if (name, extras) in seen:
            continue
        seen.add((name, extras))
        try:
            found[name] = distribution(one.name)
        except PackageNotFoundError:
            found[name] = None
            continue
        waiting += list(_needs(found[name], extras))
    return dict(sorted(found.items()))


def _needs(dist: Distribution | None, extras: frozenset[str]) -> Iterator[Requirement]:
    for text in (dist.requires if dist else None) or []:
        requirement = Requirement(text)
        if not requirement.marker or any(requirement.marker.evaluate({"extra": e}) for e in ("", *extras)):
            yield requirement


def _table(found: dict[str, Distribution | None], direct: list[str]) -> Iterator[str]:
    named = {str(canonicalize_name(Requirement(text).name)) for text in direct}
    yield from ("| package | licence | |", "|---|---|---|")
    for name, dist in found.items():
        yield f"| {name} | {licence(dist) if dist else 'not installed here'} | {'direct' if name in named else ''} |"
    yield ""


def licence(dist: Distribution) -> str:
    """Return the licence that a package states: the expression, else the classifiers, else the text."""
    stated = dist.metadata
    if expression := stated.get("License-Expression"):
        return str(expression)
    classified = [text.split(" :: ")[-1] for text in stated.get_all("Classifier", []) if text.startswith(CLASSIFIER)]
    words = re.sub(r"\s+", " ", str(stated.get("License") or "")).strip()
    specific = [name for name in classified if name != "OSI Approved"]
    if specific:
        return ", ".join(specific)
    return words if words and len(words) <= LONGEST else "see the package"


if __name__ == "__main__":
    main()
