"""What must hold on real speech."""

import json
from pathlib import Path

import pytest

from audio_emotion import load_model
from audio_emotion.corpora.splits import split_utterances
from audio_emotion.training import TrainConfig
from audio_emotion.training.dataset import load_dataset
from audio_emotion.training.job import DataOptions
from audio_emotion.training.train import train
from tests.sounds import RATE

pytestmark = pytest.mark.realdata


def test_originals_get_the_labels_of_their_16_khz_copies(recordings: Path):
    model = load_model(device="cpu")
    originals = sorted((recordings / "originals").glob("*.wav"))
    assert len(originals) == 6
    for original in originals:
        actor = original.stem[-2:]
        copy = recordings / "ravdess-speech" / f"Actor_{actor}" / f"{original.stem}.flac"
        first, second = model.predict(original), model.predict(copy)
        assert first.label == second.label
        assert first.scores == pytest.approx(second.scores, abs=0.2)


def test_recording_level_does_not_change_the_label(recordings: Path):
    import soundfile

    model = load_model(device="cpu")
    clips = sorted((recordings / "ravdess-speech").rglob("*.flac"))[::40]
    for clip in clips:
        samples, rate = soundfile.read(clip, dtype="float32")
        assert rate == RATE
        assert model.predict(samples / 2, rate).label == model.predict(clip).label


@pytest.mark.slow
def test_infer_in_a_process_of_its_own_has_exactly_the_accuracy_that_training_printed(
    recordings: Path, home: Path, cli
):
    corpus = recordings / "ravdess-speech"
    config = TrainConfig(epochs=3, patience=0, parameters={"channels": (8, 16, 32)})
    trained = train(DataOptions((f"ravdess={corpus}",), split="emobox-5"), name="fold-5", config=config)
    files = [utterance.path for utterance in trained.split.test]
    assert len(files) == 240
    answers = json.loads(cli("infer", *files, "--model", "fold-5", "--device", "cpu", "--json").stdout)
    right = sum(a["label"] == u.label for a, u in zip(answers, trained.split.test, strict=True))
    assert right / 240 == trained.evaluation.accuracy


def test_the_twins_of_actor_07_are_one_recording(recordings: Path, home: Path):
    material = load_dataset([f"ravdess={recordings / 'ravdess-speech' / 'Actor_07'}"])
    digests = [utterance.digest for utterance in material.corpus.utterances]
    assert (len(digests), len(set(digests))) == (60, 59)
    split = split_utterances("random", material.corpus.utterances, seed=0)
    assert sum(split.sizes.values()) == 60
