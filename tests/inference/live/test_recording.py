import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from audio_emotion.core.errors import StorageError
from audio_emotion.inference.live import LineFile, WavFile
from audio_emotion.inference.live.devices import Form
from audio_emotion.inference.live.recording import wav_header
from tests.conftest import ROOT
from tests.inference.live.fakes import sound


@pytest.mark.parametrize("n_channels", [1, 2])
def test_a_recording_can_be_read_while_it_grows(tmp_path: Path, n_channels: int):
    frames = np.repeat(sound(3), n_channels, axis=1)
    frames[:, -1] //= 2
    with WavFile(tmp_path / "a.wav", Form(44_100, n_channels)) as file:
        assert soundfile.info(tmp_path / "a.wav").frames == 0
        file.write(frames[:700])
        file.write_silence(50_000)
        file.write(frames[700:])
        found, rate = soundfile.read(tmp_path / "a.wav", dtype="int16", always_2d=True)
    assert rate == 44_100
    assert np.array_equal(found, np.concatenate([frames[:700], np.zeros((50_000, n_channels)), frames[700:]]))


def test_a_killed_process_leaves_what_was_recorded(tmp_path: Path):
    code = (
        "import os, signal, numpy as np\n"
        "from pathlib import Path\n"
        "from audio_emotion.inference.live.devices import Form\n"
        "from audio_emotion.inference.live.recording import LineFile, WavFile\n"
        "wav, lines = WavFile(Path('a.wav'), Form(16000, 1)), LineFile(Path('a.jsonl'))\n"
        "wav.write(np.arange(1000, dtype=np.int16))\n"
        "lines.write('{}\\n')\n"
        f"os.kill(os.getpid(), {getattr(signal, 'SIGKILL', signal.SIGTERM).value})\n"
    )
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=environment, check=False)
    assert np.array_equal(soundfile.read(tmp_path / "a.wav", dtype="int16")[0], np.arange(1000))
    assert (tmp_path / "a.jsonl").read_text() == "{}\n"


def test_nothing_is_overwritten(tmp_path: Path):
    (tmp_path / "a.wav").write_text("dear to somebody")
    with pytest.raises(StorageError, match="already exists"):
        WavFile(tmp_path / "a.wav", Form(16_000, 1))
    assert (tmp_path / "a.wav").read_text() == "dear to somebody"
    with pytest.raises(StorageError, match="cannot write"):
        LineFile(tmp_path / "absent" / "a.jsonl")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_full_disk_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    with LineFile(tmp_path / "a.jsonl") as file, open("/dev/full", "wb", buffering=0) as full:  # noqa: PTH123
        monkeypatch.setattr(file, "_file", full)
        with pytest.raises(StorageError, match=r"a\.jsonl \(No space left on device\)"):
            file.write("{}\n")


def test_a_header_counts_to_four_gigabytes_and_no_further():
    assert wav_header(Form(48_000, 1), 2**33)[-4:] == b"\xff\xff\xff\xff"
    assert len(wav_header(Form(48_000, 1), 2**33)) == 44
