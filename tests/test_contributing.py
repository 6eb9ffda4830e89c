"""The examples of CONTRIBUTING.md are a model, a corpus and an augmentation like any other."""

import json
import re
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from audio_emotion.augment import problems, recipe
from audio_emotion.augment.pipeline import Sounds
from audio_emotion.core import emotions
from audio_emotion.corpora import CORPORA
from audio_emotion.corpora.sources import gather, parse_sources
from audio_emotion.models import Entry, build, entry, register, registry
from tests.conftest import ROOT
from tests.corpora.files import touch
from tests.models.contract import CHECKS, N_LABELS, Check, Subject
from tests.sounds import RATE, voice

NAME, MODULE = "mean-spectrum", "audio_emotion.models.networks.mean_spectrum"


def examples(title: str, language: str = "python") -> list[str]:
    """Return the blocks of code of a section."""
    text = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    section = next(part for part in text.split("\n## ") if part.startswith(f"{title}\n"))
    return re.findall(rf"```{language}\n(.*?)```", section, re.DOTALL)


@pytest.fixture
def example(monkeypatch: pytest.MonkeyPatch) -> Subject:
    network, registration = examples("Adding a model")
    monkeypatch.setitem(sys.modules, MODULE, ModuleType(MODULE))
    exec(network, vars(sys.modules[MODULE]))
    monkeypatch.setattr(registry, "_ENTRIES", dict(registry._ENTRIES))
    exec(registration, {"register": register, "Entry": Entry})
    return Subject(NAME)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_the_model_keeps_the_contract(example: Subject, check: Check, tmp_path: Path):
    check(example, tmp_path)


def test_the_model_has_as_many_parameters_as_it_says(example: Subject):
    assert sum(p.numel() for p in build(NAME, N_LABELS).parameters()) == entry(NAME).n_parameters


def test_the_corpus_is_named_and_recognised(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (codes,), (code,) = examples("Adding a corpus", "json"), examples("Adding a corpus")
    known = emotions._table()
    monkeypatch.setattr(emotions, "_table", lambda: known | {"corpora": known["corpora"] | json.loads(codes)})
    module = ModuleType("audio_emotion.corpora.studio")
    exec(code, vars(module))
    monkeypatch.setitem(CORPORA, "studio", module.ADAPTER)
    touch(tmp_path, "anna_H_03.wav", "ben_N_01.wav", "notes_X_01.wav")
    for source in (f"studio={tmp_path}", str(tmp_path)):
        corpus = gather(parse_sources([source]))
        said = [(u.label, u.speaker, u.attributes) for u in corpus.utterances]
        assert said == [("happy", "studio/anna", {"take": "03"}), ("neutral", "studio/ben", {"take": "01"})]
        assert [file.path.name for file in corpus.left_out] == ["notes_X_01.wav"]
        assert (corpus.name, corpus.licence) == ("studio", "CC-BY-4.0")


def test_the_augmentation_is_read_checked_and_applied(monkeypatch: pytest.MonkeyPatch):
    (code,) = examples("Adding an augmentation")
    name = "audio_emotion.augment.clipping"
    monkeypatch.setitem(sys.modules, name, ModuleType(name))
    exec(code, vars(sys.modules[name]))
    monkeypatch.setitem(recipe.WAVEFORM, "clipping", sys.modules[name].Clipping)
    assert problems({"clipping": {"lowest": 0.95}}) == [
        "augment.clipping.lowest is 0.95, above highest, 0.9; set both, the smaller one first"
    ]
    assert problems({"cliping": {}}) == ["augment.cliping is unknown; did you mean clipping?"]
    samples = voice(1.0)
    sounds = Sounds([samples], RATE, len(samples), 0, {"clipping": {"share": 1.0}})
    ((_, share),) = sounds.draws(1, 0)
    heard = sounds.sound(1, 0)
    assert heard.dtype == np.float32
    assert np.abs(heard).max() == pytest.approx(share * np.abs(samples).max(), rel=1e-5)
    assert sounds.draws(1, 0) != sounds.draws(2, 0)
