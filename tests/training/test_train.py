import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from audio_emotion import load_model
from audio_emotion.core.emotions import emotions
from audio_emotion.core.errors import CorpusError, UsageError
from audio_emotion.models import checkpoint
from audio_emotion.training import OptimizerConfig, TeachersConfig, TrainConfig
from audio_emotion.training.config import read
from audio_emotion.training.dataset import load_dataset
from audio_emotion.training.job import DataOptions
from audio_emotion.training.run_dir import Keeping
from audio_emotion.training.train import train

SMALL = {"channels": (4, 8, 8), "hidden": 16}
QUICK = TrainConfig(epochs=2, batch_size=16, parameters=SMALL, window_s=1.0)


@pytest.fixture
def corpus(home: Path, tmp_path: Path, make_ravdess: Callable[..., Path]) -> Path:
    return make_ravdess(tmp_path / "ravdess")


def test_training_leaves_a_model_that_infer_uses(corpus: Path):
    trained = train([str(corpus)], name="mine", config=QUICK)
    assert trained.folder == checkpoint.find("mine")
    model = load_model("mine", "cpu")
    assert model.config.labels == emotions()
    assert [epoch.number for epoch in trained.history] == [1, 2]
    answers = tuple(model.predict(u.path).label for u in trained.split.test)
    assert answers == trained.evaluation.answers, "one path for both"
    figures = json.loads((trained.folder / "config.json").read_text())["figures"]
    assert figures["UAR"] == trained.evaluation.uar
    assert figures["protocol"] == "speaker, speaker-independent"
    recorded = model.config.training["speakers"]
    assert sorted(recorded["train"] + recorded["validation"] + recorded["test"]) == [
        f"ravdess/{i:02}" for i in range(1, 5)
    ]
    assert "CC-BY-NC-SA-4.0" in (trained.folder / "README.md").read_text()


class KilledError(Exception):
    pass


def kill_at(wanted: tuple[str, int]) -> Callable[..., None]:
    def progress(stage: str, done: int, total: int, remark: str) -> None:
        if (stage, done) == wanted:
            raise KilledError

    return progress


def test_a_run_that_was_killed_goes_on_and_leaves_the_old_model_until_then(corpus: Path, home: Path):
    alone = train([str(corpus)], name="alone", config=QUICK).folder
    (home / "models" / "mine").mkdir()
    (home / "models" / "mine" / "config.json").write_text("an earlier model")
    with pytest.raises(KilledError):
        train([str(corpus)], name="mine", config=QUICK, progress=kill_at(("training", 1)))
    folder = home / "runs" / "mine" / "speaker-seed-0"
    assert {path.name for path in folder.iterdir()} == {
        *("config.toml", "data.json", "log.jsonl", "curves.svg", "checkpoint"),
    }
    assert (checkpoint.find("mine") / "config.json").read_text() == "an earlier model"
    (folder / "log.jsonl").write_text("cut off")
    told = []
    again = train([str(corpus)], name="mine", config=QUICK, progress=lambda *one: told.append(one))
    assert ("resumed", 1, 2, str(folder)) in told
    assert [epoch.number for epoch in again.history] == [1, 2]
    assert (again.folder / "model.safetensors").read_bytes() == (alone / "model.safetensors").read_bytes()
    assert [json.loads(line)["number"] for line in (folder / "log.jsonl").open()] == [1, 2]
    assert not (folder / "checkpoint").exists(), "nothing is left to go on with"
    assert read(folder / "config.toml").resolved() == QUICK.resolved()
    assert sorted(path.name for path in (home / "models").iterdir()) == ["alone", "mine"]


def test_what_killed_runs_of_other_names_left_a_day_ago_is_removed(corpus: Path, home: Path):
    with pytest.raises(KilledError):
        train([str(corpus)], name="another", config=QUICK, progress=kill_at(("training", 1)))
    (checkpoint_folder,) = (home / "runs" / "another").glob("*/checkpoint")
    (kept,) = checkpoint_folder.iterdir()
    old, recent = (checkpoint_folder / f".{kept.name}.{end}" for end in ("abcd1234", "efgh5678"))
    cached = home.parent / "cache" / "tmpabcd.part"
    for path in (old, recent, cached):
        path.touch()
    for path in (old, cached, kept):
        os.utime(path, (0, 0))
    train([str(corpus)], name="mine", config=replace(QUICK, epochs=1))
    assert set(checkpoint_folder.iterdir()) == {kept, recent}, "the state of an unfinished run stays"
    assert not cached.exists()


def test_a_run_that_was_killed_goes_on_with_the_same_data_and_config_alone(corpus: Path):
    def again(**changes) -> None:
        train([str(corpus)], **({"name": "mine", "config": QUICK} | changes))

    with pytest.raises(KilledError):
        again(progress=kill_at(("training", 1)))
    with pytest.raises(UsageError, match=r"now optimizer\.lr is 0\.001 \(was 0\.002\): undo that.*--restart"):
        again(config=replace(QUICK, optimizer=OptimizerConfig(lr=0.001)))
    victim = next(corpus.rglob("*.wav"))
    victim.unlink()
    with pytest.raises(UsageError, match="of the recordings 1 gone"):
        again()
    with pytest.raises(KilledError):
        again(keeping=Keeping(restart=True), progress=kill_at(("training", 2)))


def test_teachers_come_first_and_a_run_that_was_killed_goes_on_with_theirs(corpus: Path):
    sizes = {"channels": (8, 8, 8), "hidden": 16}
    config = replace(QUICK, teachers=TeachersConfig(count=2, share=0.5, parameters=sizes))
    stages: list[str] = []
    alone = train([str(corpus)], name="alone", config=config, progress=lambda stage, *_: stages.append(stage)).folder
    taught = [stage for stage in stages if stage.startswith("training")]
    assert taught == ["training teacher 1 of 2"] * 2 + ["training teacher 2 of 2"] * 2 + ["training"] * 2
    with pytest.raises(KilledError):
        train([str(corpus)], name="mine", config=config, progress=kill_at(("training teacher 2 of 2", 1)))
    stages.clear()
    mine = train([str(corpus)], name="mine", config=config, progress=lambda stage, *_: stages.append(stage)).folder
    assert "training teacher 1 of 2" not in stages, "it was done"
    weights = [(folder / "model.safetensors").read_bytes() for folder in (alone, mine)]
    assert weights[0] == weights[1]
    assert not list((alone.parent.parent / "runs").rglob("*.safetensors")), "what is finished is not kept"


def test_an_unreadable_file_is_named_and_costs_nothing_else(corpus: Path):
    broken = corpus / "Actor_01" / "03-01-01-01-01-01-01.wav"
    broken.write_bytes(b"RIFF")
    nan = corpus / "Actor_02" / "03-01-02-01-01-01-02.wav"
    soundfile.write(nan, np.full(100, np.nan), 16_000, "FLOAT")
    trained = train(DataOptions((str(corpus),), split="all"), name="mine", config=QUICK)
    assert len(trained.split.train) == 30
    assert trained.evaluation is None
    material = load_dataset([str(corpus)])
    assert [file.path for file in material.unreadable] == [broken, nan]
    with pytest.raises(CorpusError, match=r"2 recording\(s\) cannot be decoded.*03-01-01-01-01-01-01"):
        train(DataOptions((str(corpus),), strict=True), name="mine", config=QUICK)


def test_validation_keeps_the_best_epoch_and_stops(corpus: Path):
    config = TrainConfig(epochs=30, patience=2, batch_size=16, parameters=SMALL, window_s=1.0)
    trained = train([str(corpus)], name="mine", config=config)
    uars = [epoch.validation_uar for epoch in trained.history]
    best = int(np.argmax(uars)) + 1
    assert len(uars) == min(30, best + 2)


def test_one_emotion_alone_is_nothing_to_learn(corpus: Path):
    for file in corpus.rglob("*.wav"):
        if not file.name.startswith("03-01-05"):
            file.unlink()
    with pytest.raises(CorpusError, match="are angry; add another emotion"):
        train([str(corpus)], config=QUICK)


def test_a_label_that_no_recording_has_is_refused(corpus: Path):
    with pytest.raises(CorpusError, match="no recording is labelled bored"):
        train(DataOptions((str(corpus),), labels="happy,sad,bored"), config=QUICK)
    tested = load_dataset([str(corpus)], "happy,sad,bored", for_training=False)
    assert {u.label for u in tested.corpus.utterances} == {"happy", "sad"}, "what is tested on may lack one"


def test_no_recordings_and_bad_options_say_what_to_do(home: Path, tmp_path: Path):
    with pytest.raises(CorpusError, match="audio-emotion data download ravdess"):
        train(config=QUICK)
    with pytest.raises(CorpusError, match="contains no recording"):
        train([str(tmp_path)], config=QUICK)
    with pytest.raises(UsageError, match=r"epochs is 0.*; optimizer.lr is -1"):
        TrainConfig(epochs=0, optimizer=OptimizerConfig(lr=-1))
    assert not (home / "models").exists() or not list((home / "models").iterdir())
