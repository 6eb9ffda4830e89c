"""The bench of experiments: its table is what its records say, and its experiments change what there is to change."""

import tomllib
from dataclasses import fields

import numpy as np
import pytest
import torch

from audio_emotion.frontends.spectrum import PowerSpectrum
from tests.conftest import ROOT

LAB = ROOT / "training" / "lab"
EXPERIMENTS = tomllib.loads((LAB / "experiments.toml").read_text("utf-8"))


@pytest.fixture(autouse=True)
def _scripts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "training"))
    monkeypatch.syspath_prepend(str(LAB))


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_an_experiment_builds_a_network_that_answers(name: str):
    from networks import Network, Tried
    from run import Recipe, deep_tuple, read

    known = {one.name for one in fields(Recipe)}
    assert set(EXPERIMENTS[name]) - known <= {"tried", "expected", "kept"}
    recipe = read(name)
    sizes = Network(**{key: deep_tuple(value) for key, value in recipe.network.items()})
    channels = max(2, len(recipe.channels))
    network = Tried(sizes, channels, 64, 8).eval()
    with torch.inference_mode():
        logits, hidden = network(torch.rand(2, channels, 64, 188) + 0.1)
    assert logits.shape == (2, 8)
    assert hidden.shape == (2, sizes.hidden)


def test_the_page_is_what_the_records_say():
    import table

    page = (ROOT / "training" / "experiments.md").read_text("utf-8")
    assert f"{table.BEGIN}\n{table.table()}\n{table.END}" in page, "run: python training/lab/table.py"


@pytest.mark.parametrize("hz", [90, 150, 310])
def test_periodicity_is_highest_at_the_period(hz: int):
    from pitch import Periodicity

    spectrum = PowerSpectrum(512, 256)
    time_s = np.arange(8_000) / 16_000
    voice = sum(np.sin(2 * np.pi * hz * k * time_s) / k for k in range(1, 12))
    with torch.inference_mode():
        image = Periodicity(spectrum, 16_000, 64, 62.5, 500.0)(
            spectrum(torch.from_numpy(voice[None].astype(np.float32)))
        )
    places = np.geomspace(62.5, 500, 64)
    assert places[int(image[0, 15].argmax())] == pytest.approx(hz, rel=0.03)
