import numpy as np
import pytest

from audio_emotion.audio import windows
from tests.sounds import RATE, voice

VOICE = voice(4)


def test_trim_is_librosas() -> None:
    from librosa.effects import trim

    rng = np.random.default_rng(0)
    for n in (1, 255, 256, 257, 5_000, 47_999, 48_128):
        sound = np.concatenate([1e-4 * rng.standard_normal(n), voice(1, seed=n), 1e-4 * rng.standard_normal(2 * n)])
        _, index = trim(sound.astype(np.float32), top_db=40, frame_length=512, hop_length=256)
        assert windows.trim(sound.astype(np.float32)) == tuple(index)


def test_windows_cover_an_utterance() -> None:
    short = windows.windows_of(VOICE[:1000], 3000)
    assert short.shape == (1, 3000)
    assert np.array_equal(short[0, 1000:2000], VOICE[:1000])
    assert not short[0, :1000].any()
    assert not short[0, 2000:].any()
    long = windows.frame(VOICE[:10_000], 3000)
    starts = [0, 1500, 3000, 4500, 6000, 7000]
    assert np.array_equal(long, np.stack([VOICE[start : start + 3000] for start in starts]))


@pytest.mark.parametrize("size", [1, 97, 512, 4_096, 10**6])
@pytest.mark.parametrize("held_s", [0.0, 600.0])
def test_windows_of_a_stream_are_those_of_the_whole(size: int, held_s: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(windows, "_HELD_S", held_s)
    quiet = np.zeros(5_000, np.float32)
    sound = np.concatenate([quiet, VOICE[:20_001] if size == 1 else VOICE, quiet])
    read = lambda: iter([sound[i : i + size] for i in range(0, len(sound), size)])  # noqa: E731
    monkeypatch.setattr(windows, "BATCH", 4)
    n_samples, batches = windows.iter_speech_windows(read, RATE, 4_000, gate=False)
    found = list(batches)
    assert n_samples == len(sound)
    assert max(map(len, found)) <= 4
    assert np.array_equal(np.concatenate(found), windows.windows_of(sound, 4_000))


def test_cut_gives_any_parts() -> None:
    rng = np.random.default_rng(0)
    sound = np.arange(1000, dtype=np.float32)
    starts = np.sort(rng.integers(0, 1200, 50))
    parts = [(int(start), int(start + length)) for start, length in zip(starts, rng.integers(1, 300, 50), strict=True)]
    blocks = np.split(sound, np.sort(rng.integers(0, 1000, 30)))
    for (start, end), piece in zip(parts, windows.slice_blocks(blocks, parts), strict=True):
        assert np.array_equal(piece, sound[start:end])
