"""The bench of experiments: its table is what its records say, and its experiments change what there is to change."""

import tomllib
from dataclasses import fields
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from audio_emotion.models.frontends.stft import PowerSpectrum
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
    from run import Recipe, read

    known = {one.name for one in fields(Recipe)}
    assert set(EXPERIMENTS[name]) - known <= {"tried", "expected", "kept"}
    recipe = read(name)
    sizes = Network(**recipe.network)
    channels = 2 + recipe.pitch
    network = Tried(sizes, channels, 64, 8).eval()
    with torch.inference_mode():
        logits, hidden = network(torch.rand(2, channels, 64, 188) + 0.1)
    assert logits.shape == (2, 8)
    assert hidden.shape == (2, sizes.hidden)


SWITCHES = {
    "sentence": {"sentence": 0.3},
    "ema": {"ema": 0.9},
    "range": {"range_db": 50.0},
    "vocal tract": {"augment": {"vtlp": {"lowest": 0.85, "highest": 1.15}, "mixup": {}}},
}


@pytest.mark.parametrize("switch", SWITCHES)
def test_a_trial_learns_from_its_actors_alone_and_judges_others(switch: str):
    from run import HARD, Recipe, Trial

    from audio_emotion.models.frontends import MelMfcc, MelMfccConfig

    labels, actors = ("neutral", "happy"), (1, 2, 3)
    names = [f"03-01-0{1 + i % 2}-0{1 + i // 2 % 2}-01-01-{actor:02}" for actor in actors for i in range(4)]
    utterances = [SimpleNamespace(path=Path(f"{name}.wav"), label=labels[int(name[7]) - 1]) for name in names]
    sound = np.random.default_rng(0).normal(-40, 10, (16, len(names), 48, 64)).astype(np.float16)
    sound[:, 8:] = np.nan  # actor 3's: what reads it cannot learn
    windows = {one: np.nan_to_num(sound[0]) for one in ("clean", *HARD)}
    owners = dict.fromkeys(windows, np.arange(len(names)))
    bank = SimpleNamespace(
        utterances=utterances, frontend=MelMfcc(MelMfccConfig()), versions=sound, windows=windows, owners=owners
    )
    sizes = {"widths": [4, 4, 4], "hidden": 8}
    recipe = Recipe(epochs=2, batch_size=4, network=sizes, **SWITCHES[switch])
    trial = Trial(recipe, bank, labels, [1, 2], seed=0)
    before = [p.detach().clone() for p in trial.network.parameters()]
    assert np.isfinite(trial.train())
    assert any(not torch.equal(a, b) for a, b in zip(before, trial.network.parameters(), strict=True))
    targets, logits = trial.answers([3], HARD[0])
    assert targets.tolist() == [0, 1, 0, 1]
    assert logits.shape == (4, 2)
    assert np.isfinite(logits).all()


def test_a_condition_is_what_it_is_called():
    from conditions import CONDITIONS

    rng = np.random.default_rng(0)
    time_s = np.arange(16_000) / 16_000
    tone = (0.1 * np.sin(2 * np.pi * 1_000 * time_s)).astype(np.float32)
    power = float(np.square(tone).mean())
    for decibels in (20, 10):
        noise = CONDITIONS[f"white noise at {decibels} dB"](tone, 16_000, rng) - tone
        assert 10 * np.log10(power / np.square(noise).mean()) == pytest.approx(decibels, abs=0.01)
    assert CONDITIONS["6 dB louder"](tone, 16_000, rng).max() == pytest.approx(0.1995, abs=1e-3)
    assert CONDITIONS["6 dB softer"](tone, 16_000, rng).max() == pytest.approx(0.0501, abs=1e-3)
    high = np.sin(2 * np.pi * 6_000 * time_s).astype(np.float32)
    assert np.square(CONDITIONS["telephone band"](high, 16_000, rng)).mean() < 1e-3


def test_a_fold_is_judged_by_a_temperature_of_other_folds_alone(monkeypatch: pytest.MonkeyPatch):
    import bundle

    def run(split: str, seed: int) -> bundle.Fold:
        return bundle.Fold(split, seed, np.log([[0.6, 0.4], [0.3, 0.7]]), np.array([0, 1]), {"uar": 1.0, "wa": 1.0})

    asked = []
    monkeypatch.setattr(bundle, "temperature", lambda some: asked.append({fold.split for fold in some}) or 1.0)
    runs = [run(split, seed) for split in ("a", "b", "c") for seed in (0, 1)]
    figures = bundle.figures(runs)
    assert asked == [{"b", "c"}] * 2 + [{"a", "c"}] * 2 + [{"a", "b"}] * 2
    assert figures["UAR by seed"] == "100.0, 100.0"
    with pytest.raises(SystemExit, match="not every seed"):
        bundle.figures(runs[1:])


def test_the_page_is_what_the_records_say():
    import table

    page = (ROOT / "training" / "experiments" / "bench.md").read_text("utf-8")
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
