"""The lock file: on any one machine, one version of each package."""

import tomllib
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from packaging.markers import Marker

LOCK = Path(__file__).parents[1] / "poetry.lock"
MACHINES = {
    "Linux on x86": {"sys_platform": "linux", "platform_system": "Linux", "platform_machine": "x86_64"},
    "Linux on ARM": {"sys_platform": "linux", "platform_system": "Linux", "platform_machine": "aarch64"},
    "macOS": {"sys_platform": "darwin", "platform_system": "Darwin", "platform_machine": "arm64"},
    "Windows": {"sys_platform": "win32", "platform_system": "Windows", "platform_machine": "AMD64"},
}


def _applies(markers: str | dict[str, str], environment: dict[str, str]) -> bool:
    lines = [markers] if isinstance(markers, str) else list(markers.values())
    return any(Marker(line).evaluate(environment) for line in lines)


@pytest.mark.parametrize("python", ["3.11", "3.12", "3.13", "3.14"])
@pytest.mark.parametrize("machine", MACHINES)
def test_no_machine_installs_two_versions_of_one_package(machine: str, python: str) -> None:
    # Poetry unpacks packages side by side: two versions of one leave files that are neither the one's nor the other's.
    environment = {**MACHINES[machine], "python_version": python, "python_full_version": f"{python}.0", "extra": ""}
    packages: list[dict[str, Any]] = tomllib.loads(LOCK.read_text())["package"]
    here = [p for p in packages if "markers" not in p or _applies(p["markers"], environment)]
    assert len(here) > 50
    assert {name for name, times in Counter(p["name"] for p in here).items() if times > 1} == set()
