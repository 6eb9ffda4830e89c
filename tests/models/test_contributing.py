"""The example of CONTRIBUTING.md is a model like any other."""

import re
import sys
from pathlib import Path
from types import ModuleType

import pytest

from audio_emotion.models import Entry, _registry, build, entry, register
from tests.conftest import ROOT
from tests.models.contract import CHECKS, N_LABELS, Check, Subject

NAME, MODULE = "mean-spectrum", "audio_emotion.models.mean_spectrum"


@pytest.fixture
def example(monkeypatch: pytest.MonkeyPatch) -> Subject:
    network, registration = re.findall(r"```python\n(.*?)```", (ROOT / "CONTRIBUTING.md").read_text("utf-8"), re.S)
    monkeypatch.setitem(sys.modules, MODULE, ModuleType(MODULE))
    exec(network, vars(sys.modules[MODULE]))
    monkeypatch.setattr(_registry, "_ENTRIES", dict(_registry._ENTRIES))
    exec(registration, {"register": register, "Entry": Entry})
    return Subject(NAME)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_the_example_keeps_the_contract(example: Subject, check: Check, tmp_path: Path):
    check(example, tmp_path)


def test_the_example_has_as_many_parameters_as_it_says(example: Subject):
    assert sum(p.numel() for p in build(NAME, N_LABELS).parameters()) == entry(NAME).n_parameters
