"""Print the lower bounds of the core dependencies as constraints for pip."""

import re
import tomllib
from pathlib import Path

PYPROJECT = Path(__file__).parent.parent / "pyproject.toml"


def main() -> None:
    """Print a line for each dependency."""
    for requirement in tomllib.loads(PYPROJECT.read_text("utf-8"))["project"]["dependencies"]:
        bound = re.match(r"([\w.-]+)>=([\w.]+)", requirement)
        if bound is None:
            raise SystemExit(f"{requirement}: states no lower bound; write it as NAME>=VERSION")
        print(f"{bound[1]}=={bound[2]}")


if __name__ == "__main__":
    main()
