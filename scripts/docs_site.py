"""What MkDocs asks while it builds the site (`hooks` in mkdocs.yml).

Pages link to files of the checkout as they do for who reads them there: `../training/compare.py`. Whatever a page links
to outside `docs/` becomes part of the site under `source/`, a Markdown file as a page, a folder as a list, and anything
else as it is. The reference of the commands is made from the commands.
"""

import posixpath
import re
from pathlib import Path, PurePosixPath
from typing import Any

from mkdocs.structure.files import File, Files, InclusionLevel

from scripts.cli_reference import render

ROOT = Path(__file__).parent.parent
SOURCE = PurePosixPath("source")
COMMANDS = "reference/cli.md"
NO_SITE = {"__pycache__", ".gitignore"}

_LINK = re.compile(r"(\]\()([^)#\s:]+)(#[^)\s]*)?(\))")
_FENCED = re.compile(r"^ *(```|~~~).*?^ *\1 *$", flags=re.DOTALL | re.MULTILINE)


def on_files(files: Files, config: Any) -> Files:
    """Add the reference of the commands, what the navigation names, and whatever pages link to."""
    files.append(File.generated(config, COMMANDS, content=render()))
    waiting = [_in_checkout(path) for path in _paths(config.nav) if PurePosixPath(path).is_relative_to(SOURCE)]
    waiting += [target for file in files.documentation_pages() for target in _targets(_origin(file.src_uri), file)]
    done = set[PurePosixPath]()
    while waiting:
        path = waiting.pop()
        if path in done or _is_page(path):
            continue
        done.add(path)
        file = _added(path, config)
        files.append(file)
        if file.is_documentation_page():
            waiting += _targets(path, file)
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Point links to files of the checkout at their places in the site."""
    here = _origin(page.file.src_uri)
    start = posixpath.dirname(page.file.src_uri) or "."

    def pointed(match: re.Match[str]) -> str:
        before, target, anchor, after = match.groups("")
        path = _resolved(here, target)
        place = _place(path) if path and (ROOT / path).exists() else None
        return f"{before}{posixpath.relpath(place, start)}{anchor}{after}" if place else match[0]

    return _outside_code(markdown, lambda text: _LINK.sub(pointed, text))


def _outside_code(markdown: str, change: Any) -> str:
    """Return Markdown changed everywhere but in its blocks of code."""
    parts, end = [], 0
    for block in _FENCED.finditer(markdown):
        parts += [change(markdown[end : block.start()]), block[0]]
        end = block.end()
    return "".join([*parts, change(markdown[end:])])


def _targets(here: PurePosixPath, file: File) -> list[PurePosixPath]:
    """Return the files of the checkout that a page links to."""
    found = []
    text = _FENCED.sub("", file.content_string)
    for _, target, _, _ in _LINK.findall(text):
        path = _resolved(here, target)
        if path and (ROOT / path).exists():
            found.append(path)
    return found


def _resolved(here: PurePosixPath, target: str) -> PurePosixPath | None:
    """Return the path in the checkout that ``target`` means in the file ``here``; None where it leads out of it."""
    path = PurePosixPath(posixpath.normpath(posixpath.join(here.parent, target)))
    return None if path.parts[:1] == ("..",) else path


def _is_page(path: PurePosixPath) -> bool:
    """Tell whether MkDocs has found a file by itself."""
    return path.is_relative_to("docs") and (ROOT / path).is_file()


def _place(path: PurePosixPath) -> str:
    """Return where a file of the checkout stands in the site."""
    if _is_page(path):
        return str(path.relative_to("docs"))
    return str(SOURCE / path / "contents.md" if (ROOT / path).is_dir() else SOURCE / path)


def _origin(src_uri: str) -> PurePosixPath:
    """Return the file of the checkout that stands at a place in the site."""
    place = PurePosixPath(src_uri)
    return _in_checkout(src_uri) if place.is_relative_to(SOURCE) else PurePosixPath("docs") / place


def _in_checkout(src_uri: str) -> PurePosixPath:
    return PurePosixPath(src_uri).relative_to(SOURCE)


def _added(path: PurePosixPath, config: Any) -> File:
    """Return a file of the checkout as one of the site."""
    place = _place(path)
    if (ROOT / path).is_dir():
        return File.generated(config, place, content=_contents(path), inclusion=InclusionLevel.NOT_IN_NAV)
    return File.generated(config, place, abs_src_path=str(ROOT / path))


def _contents(folder: PurePosixPath) -> str:
    """Return a page that lists a folder; its files are read in the checkout."""
    names = sorted(entry.name for entry in (ROOT / folder).iterdir() if entry.name not in NO_SITE)
    return "\n".join([f"# {folder}", "", "In the checkout this folder holds:", "", *(f"- `{name}`" for name in names)])


def _paths(nav: Any) -> list[str]:
    """Return every page that the navigation names."""
    if isinstance(nav, str):
        return [nav]
    entries = nav.values() if isinstance(nav, dict) else nav or []
    return [path for entry in entries for path in _paths(entry)]
