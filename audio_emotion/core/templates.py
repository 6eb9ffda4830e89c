"""HTML from jinja2 templates."""

from pathlib import Path
from typing import Any


def render(template: Path, **values: Any) -> str:
    """Return a template with its values filled in, escaped as HTML; a value that is missing is an error.

    Bytes of a file name that are not UTF-8 become question marks.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(template.parent),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_without_surrogates,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(template.name).render(**values)


def _without_surrogates(value: Any) -> Any:
    return value.encode("utf-8", "replace").decode() if type(value) is str else value
