"""Decoded recordings, read from the cache when they are needed."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from audio_emotion import audio
from audio_emotion.audio.windows import BATCH, trim
from audio_emotion.core import paths
from audio_emotion.corpora.load import sound
from audio_emotion.inference.batching import utterance_logits
from audio_emotion.training.dataset import load_dataset
from audio_emotion.training.validation import stream_logits
from tests.sounds import RATE, voice


@pytest.fixture
def table(home: Path, tmp_path: Path) -> Path:
    """A table of a whole recording and two segments of another, with silence around the speech."""
    quiet = np.zeros(RATE // 2, np.float32)
    for number in (1, 2):
        soundfile.write(tmp_path / f"{number}.wav", np.concatenate([quiet, voice(1.0, seed=number), quiet]), RATE)
    rows = ["path,emotion,speaker,start,end", "1.wav,sad,a,,", "2.wav,happy,b,0.2,1.0", "2.wav,angry,b,1.0,1.9"]
    (tmp_path / "table.csv").write_text("\n".join(rows))
    return tmp_path / "table.csv"


def test_sounds_are_read_when_needed_and_without_the_quiet_at_their_ends(table: Path):
    dataset = load_dataset([str(table)])
    assert len(dataset.sounds) == 3
    for utterance in dataset.corpus.utterances:
        whole = sound(utterance).samples
        samples = dataset.sounds[utterance.digest]
        start, end = trim(whole)
        assert 0 < end - start < len(whole)
        np.testing.assert_array_equal(samples, whole[start:end])
    side = dataset.side(dataset.corpus.utterances)
    np.testing.assert_array_equal(side.first(2).sounds[1], side.sounds[1])


def test_a_recording_whose_entry_was_deleted_is_decoded_again(table: Path, monkeypatch: pytest.MonkeyPatch):
    dataset = load_dataset([str(table)])
    before = {digest: samples.copy() for digest, samples in dataset.sounds.items()}
    for entry in paths.cache_dir().glob("*.npy"):
        entry.unlink()
    for digest, samples in before.items():
        np.testing.assert_array_equal(dataset.sounds[digest], samples)
    monkeypatch.setattr(audio, "load", lambda *_: pytest.fail("decoded once more"))
    assert all(len(samples) for samples in dataset.sounds.values())


def test_without_a_cache_the_samples_stay_in_memory(table: Path, tmp_path: Path):
    (tmp_path / "cache").write_text("a file where the folder should be")
    dataset = load_dataset([str(table)])
    assert all(len(samples) > 1000 for samples in dataset.sounds.values())


def test_logits_of_a_stream_are_those_of_a_list():
    rng = np.random.default_rng(0)
    utterances = [rng.random((n, 4), np.float32) for n in (1, 0, BATCH + 3, 2, BATCH - 6, 5, 0)]
    sizes: list[list[int]] = [[], []]

    def forward(which: int):
        def logits(windows: np.ndarray) -> np.ndarray:
            sizes[which].append(len(windows))
            return windows[:, :3] * 2

        return logits

    streamed = stream_logits(forward(0), iter(utterances))
    expected = utterance_logits(forward(1), utterances)
    assert sizes[0] == sizes[1], "the same batches"
    for a, b in zip(streamed, expected, strict=True):
        if b is None:
            assert a is None
        else:
            np.testing.assert_array_equal(a, b)
    assert stream_logits(forward(0), []) == []
    assert stream_logits(forward(0), [np.empty((0, 4), np.float32)]) == [None]
