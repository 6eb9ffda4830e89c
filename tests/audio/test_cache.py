import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from audio_emotion import audio
from audio_emotion.audio import cache
from audio_emotion.core import paths
from audio_emotion.core.errors import AudioError
from tests.conftest import ROOT
from tests.sounds import RATE, voice


@pytest.fixture
def clip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("AUDIO_EMOTION_CACHE", str(tmp_path / "cache"))
    soundfile.write(tmp_path / "a.flac", voice(1.0), 22_050)
    return tmp_path / "a.flac"


def entries() -> list[Path]:
    return sorted(paths.cache_dir().iterdir())


def test_a_recording_is_decoded_once(clip: Path, monkeypatch: pytest.MonkeyPatch):
    expected = audio.load(clip, RATE).samples
    np.testing.assert_array_equal(cache.load(clip, RATE), expected)
    monkeypatch.setattr(audio, "load", lambda *_: pytest.fail("decoded a second time"))
    np.testing.assert_array_equal(cache.load(clip, RATE), expected)
    moved = clip.rename(clip.with_name("b.flac"))
    np.testing.assert_array_equal(cache.load(moved, RATE), expected)


def test_other_content_and_other_rates_have_other_entries(clip: Path):
    first = cache.load(clip, RATE)
    assert len(cache.load(clip, 8_000)) == pytest.approx(len(first) / 2, abs=1)
    soundfile.write(clip, voice(2.0), 22_050)
    assert len(cache.load(clip, RATE)) == pytest.approx(2 * len(first), abs=2)
    assert len(entries()) == 3


def test_an_entry_that_was_cut_short_is_made_anew(clip: Path):
    expected = cache.load(clip, RATE)
    (entry,) = entries()
    entry.write_bytes(entry.read_bytes()[:1000])
    np.testing.assert_array_equal(cache.load(clip, RATE), expected)
    entry.write_bytes(b"")
    np.testing.assert_array_equal(cache.load(clip, RATE), expected)
    assert np.load(entry).shape == expected.shape


def test_the_folder_is_bounded_and_what_was_read_last_stays(clip: Path):
    for rate in (8_000, 11_025, RATE):
        cache.load(clip, rate)
    for age, entry in enumerate(sorted(entries(), key=lambda e: e.stat().st_size)):
        os.utime(entry, (1_000 + age, 1_000 + age))
    cache.load(clip, 8_000)  # the oldest, read again
    smallest = min(entry.stat().st_size for entry in entries())
    cache.trim(limit_bytes=smallest)
    assert [entry.stat().st_size for entry in entries()] == [smallest]


def test_a_cache_that_cannot_be_written_costs_nothing(clip: Path, tmp_path: Path):
    (tmp_path / "cache").write_text("a file where the folder should be")
    assert len(cache.load(clip, RATE)) > 0


def test_an_absent_recording_is_an_audio_error(clip: Path):
    with pytest.raises(AudioError, match="no such file"):
        cache.load(clip.with_name("none.wav"), RATE)


def test_two_processes_share_the_folder(clip: Path):
    code = (
        "import sys; from pathlib import Path; from audio_emotion.audio import cache\n"
        "for rate in range(8_000, 8_040): print(cache.load(Path(sys.argv[1]), rate).sum())"
    )
    command = [sys.executable, "-c", code, str(clip)]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT) for _ in range(2)]
    first, second = (process.communicate(timeout=60)[0] for process in running)
    assert first == second
    assert [process.returncode for process in running] == [0, 0]
    assert len(entries()) == 40
    assert all(entry.suffix == ".npy" for entry in entries())


def test_entries_in_use_stay(clip: Path):
    used = [cache.locate(clip, rate)[1] for rate in (8_000, RATE)]
    cache.load(clip, 11_025)
    cache.trim(limit_bytes=0, in_use=set(used))
    assert entries() == sorted(used)


def test_a_part_of_an_entry_is_read(clip: Path):
    samples, entry = cache.locate(clip, RATE)
    assert entry is not None
    part = cache.read(entry, 100, 300)
    np.testing.assert_array_equal(part, samples[100:300])
    assert part.flags.writeable
    entry.unlink()
    with pytest.raises(OSError, match="No such file"):
        cache.read(entry)


def arrays() -> dict[object, np.ndarray]:
    rng = np.random.default_rng(0)
    return {(1, "a"): rng.random((3, 4)), 2: rng.random(5).astype(np.float16), 3: np.empty((0, 7), np.float32)}


def check_scratch() -> None:
    scratch = cache.ScratchArrays()
    for key, array in arrays().items():
        assert key not in scratch
        scratch[key] = array
    for key, array in reversed(arrays().items()):
        np.testing.assert_array_equal(scratch[key], array)
        assert scratch[key].dtype == array.dtype


def test_scratch_arrays_are_in_a_file_that_is_gone_afterwards(clip: Path):
    scratch = cache.ScratchArrays()
    scratch[0] = np.zeros(10_000)
    assert not scratch._in_memory
    del scratch
    assert entries() == []
    check_scratch()


def test_scratch_arrays_need_no_disk(clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    class FullDisk:
        def seek(self, _: int) -> None: ...
        def close(self) -> None: ...
        def write(self, _: bytes) -> int:
            raise OSError

    monkeypatch.setattr("tempfile.TemporaryFile", lambda **_: FullDisk())
    check_scratch()
    monkeypatch.undo()
    (tmp_path / "file").write_text("a file where the folder should be")
    monkeypatch.setenv("AUDIO_EMOTION_CACHE", str(tmp_path / "file"))
    check_scratch()
