"""Print the package index that pip is configured for, or pip's own default."""

from pip._internal.configuration import Configuration
from pip._internal.models.index import PyPI


def main() -> None:
    """Print the address."""
    configuration = Configuration(isolated=False)
    configuration.load()
    found = dict(configuration.items())
    # Later wins, as for pip: files first, then the environment; within each, [install] over [global].
    for key in (":env:.index-url", "install.index-url", "global.index-url"):
        if key in found:
            print(found[key])
            return
    print(PyPI.simple_url)


if __name__ == "__main__":
    main()
