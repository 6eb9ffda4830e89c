"""HTML from jinja2 templates."""

from pathlib import Path
from typing import Any


def render(template: Path, **values: Any) -> str:
    """Return a template with its values filled in, escaped as HTML; a value that is missing is an error."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(template.parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(template.name).render(**values)
