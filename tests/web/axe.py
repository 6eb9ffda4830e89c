"""axe-core, which finds faults of accessibility in a page; fetched once from the registry of npm, and checked."""

import tarfile
from typing import Any

import pytest

from tests.conftest import ROOT

VERSION = "4.10.3"
_SHA256 = "0f2b4d7dcdf7d1219df8d1959ad68e565f51d14c3f0d88bb71cd59abeb956292"
_URL = f"https://registry.npmjs.org/axe-core/-/axe-core-{VERSION}.tgz"


def axe_source() -> str:
    """Return the text of axe-core; skip the test where it cannot be fetched."""
    import pooch
    import requests

    folder = ROOT / "build" / "axe-core"
    try:
        archive = pooch.retrieve(_URL, _SHA256, f"axe-core-{VERSION}.tgz", folder)
    except (requests.RequestException, OSError) as error:
        pytest.skip(f"axe-core cannot be fetched here: {error}")
    with tarfile.open(archive) as content:
        member = content.extractfile("package/axe.min.js")
        assert member is not None
        return member.read().decode("utf-8")


def violations(driver: Any, source: str) -> list[str]:
    """Return what axe-core finds in the page that is shown: the rule, how serious it is, and where."""
    if not driver.execute_script("return Boolean(window.axe)"):
        driver.execute_script(source)
    found = driver.execute_async_script(
        "const done = arguments[0]; axe.run().then(({ violations }) => done(violations)).catch((e) => done(String(e)))"
    )
    assert isinstance(found, list), found
    return [f"{one['impact']}: {one['id']}: {one['nodes'][0]['html'][:200]}" for one in found]
