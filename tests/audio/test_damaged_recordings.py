"""Recordings that are damaged, endless or none: what is there is answered, all else is one clear error."""

import os
import socket
import struct
import sys
import time
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audio_emotion import audio
from audio_emotion.audio.region import AudioRegion
from audio_emotion.core.errors import AudioError
from audio_emotion.core.paths import display_path
from tests.sounds import RATE, contained, encoded, likeness, voice, with_total

VOICE = voice(4)
ENCRYPTED = {"encryption_scheme": "cenc-aes-ctr", "encryption_key": "0" * 32, "encryption_kid": "1" * 32}

posix = pytest.mark.skipif(sys.platform == "win32", reason="a POSIX file system")


def with_data_size(wav: bytes, size: int) -> bytes:
    at = wav.index(b"data") + 4
    return wav[:4] + struct.pack("<I", size) + wav[8:at] + struct.pack("<I", size) + wav[at + 4 :]


@pytest.mark.parametrize(
    "file",
    [
        with_data_size(encoded(VOICE), 0),
        with_data_size(encoded(VOICE), 0xFFFFFFFF),
        with_data_size(encoded(VOICE), 0x7FFFFFFF),
        with_total(encoded(VOICE, file_format="FLAC"), 0),
        with_total(encoded(VOICE, file_format="FLAC"), 2**32),
        with_total(encoded(VOICE, file_format="FLAC"), 2**36 - 1),
        encoded(VOICE, file_format="AU")[:8] + b"\xff\xff\xff\xff" + encoded(VOICE, file_format="AU")[12:],
    ],
    ids=["wav-0", "wav-ffffffff", "wav-7fffffff", "flac-0", "flac-2^32", "flac-2^36", "au"],
)
def test_what_is_there_is_answered_whatever_the_header_claims(file: bytes) -> None:
    tracemalloc.start()
    samples = audio.load(file, RATE).samples
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert np.abs(samples - VOICE).max() < 1e-3
    assert len(samples) == len(VOICE)
    assert peak < 20e6


@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24", "FLOAT", "MS_ADPCM"])
def test_a_wav_that_was_cut_off_is_told_by_its_header(subtype: str) -> None:
    file = encoded(voice(20), RATE, "WAV", subtype)
    assert audio.probe(file).missing == 0
    header = audio.probe(file[: len(file) // 4])
    assert header.duration == pytest.approx(5, abs=0.1)
    assert header.missing == pytest.approx(15, abs=0.1)
    assert audio.probe(file[:-100]).missing == 0, "next to nothing"


@pytest.mark.parametrize("size", [0, 0x7FFFFFFF, 0x7FFFF000, 0x80000000, 0xFFFFFFFF, 0xFFFFFFFF - 36])
def test_a_stream_that_left_its_length_open_was_not_cut_off(size: int) -> None:
    assert audio.probe(with_data_size(encoded(VOICE), size)).missing == 0


def test_chunks_before_the_samples_do_not_hide_that_they_were_cut_off() -> None:
    file = encoded(VOICE)
    with_list = file[:12] + b"LIST" + struct.pack("<I", 5) + b"INFO\0\0" + file[12:]
    assert audio.probe(with_list).missing == 0
    assert audio.probe(with_list[: len(with_list) // 2]).missing == pytest.approx(2, abs=0.1)


def test_cut_files_are_answered_as_far_as_they_go() -> None:
    long = voice(20)
    for file_format in ("WAV", "FLAC", "MP3", "OGG"):
        file = encoded(long, RATE, file_format)
        samples = audio.load(file[: len(file) // 2], RATE).samples
        assert 6 < len(samples) / RATE < 14
        assert likeness(samples, long) > 0.95
    stream = contained(
        [voice(20, 48_000)], options={"movflags": "frag_keyframe+empty_moov", "frag_duration": "1000000"}
    )
    assert 6 < audio.load(stream[: len(stream) // 2], RATE).duration < 14


@pytest.mark.parametrize("file_format", ["MP3", "FLAC"])
@pytest.mark.parametrize("n_bytes", [700, 60_000])
def test_garbage_between_frames(file_format: str, n_bytes: int) -> None:
    file = encoded(voice(20), RATE, file_format)
    garbage = np.random.default_rng(0).bytes(n_bytes)
    samples = audio.load(file[: len(file) // 2] + garbage + file[len(file) // 2 :], RATE).samples
    assert abs(len(samples) / RATE - 20) < 1
    assert likeness(samples[: 9 * RATE], voice(20)[: 9 * RATE]) > 0.98


def test_rate_that_changes_on_the_way() -> None:
    one, other = (contained([voice(4, rate)], rate, "adts") for rate in (48_000, 24_000))
    assert audio.load(one + other, RATE).duration == pytest.approx(8, abs=0.3)


BAD = {
    "nothing": (b"", "is empty \\(0 bytes\\)"),
    "text": (b"Lorem ipsum dolor sit amet\n" * 99, "cannot be decoded"),
    "noise": (np.random.default_rng(3).bytes(50_000), "cannot be decoded|none of its sound"),
    "zeros": (bytes(50_000), "cannot be decoded"),
    "header cut": (encoded(VOICE)[:30], "cannot be decoded"),
    "header alone": (encoded(VOICE)[:44], "contains no samples|none of its sound"),
    "no frames": (encoded(VOICE[:0]), "contains no samples|none of its sound"),
    "rate 0": (encoded(VOICE)[:24] + bytes(4) + encoded(VOICE)[28:], "cannot be decoded"),
    "rate 1": (encoded(VOICE, 1), "states a sampling rate of 1 Hz, expected 1000 to 1000000 Hz"),
    "no channel": (encoded(VOICE)[:22] + bytes(2) + encoded(VOICE)[24:], "none of its audio|cannot be decoded"),
    "NaN": (encoded(np.where(np.arange(64_000) == 50_000, np.nan, VOICE), subtype="FLOAT"), "NaN, infinite"),
    "inf": (encoded(np.where(np.arange(64_000) == 50_000, -np.inf, VOICE), subtype="FLOAT"), "NaN, infinite"),
    "huge": (encoded(VOICE * 1e30, subtype="FLOAT"), "far too large"),
    "overflow": (encoded(np.full((99, 2), 3e38), subtype="FLOAT"), "far too large"),
    "picture alone": (contained([], picture=True), "contains no audio"),
    "encrypted": (contained([voice(4, 48_000)], options=ENCRYPTED), "damaged or encrypted"),
    "cut MP4": (contained([voice(4, 48_000)])[:9000], "cannot be decoded"),
}


@pytest.mark.parametrize(("content", "message"), BAD.values(), ids=BAD.keys())
def test_bad_content_is_one_clear_error(content: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(content)
    for source, name in ((tmp_path / "a.wav", None), (content, "standard input")):
        with pytest.raises(AudioError, match=message) as error:
            audio.load(source, RATE, name=name)
        assert str(error.value).startswith(f"{name or source}: ")
        assert "\n" not in str(error.value)


def test_a_pipe_cannot_be_rewound_and_says_so() -> None:
    read, write = os.pipe()
    os.close(write)
    with open(read, "rb") as pipe, pytest.raises(AudioError, match="cannot be rewound; read it and pass its bytes"):  # noqa: PTH123
        audio.load(pipe, RATE)


@posix
def test_what_is_no_file_is_refused_before_it_is_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.wav")
    (tmp_path / "loop.wav").symlink_to(tmp_path / "loop.wav")
    expected = {
        tmp_path / "pipe.wav": "is a named pipe",
        tmp_path / "loop.wav": "cannot be read",
        tmp_path / "absent.wav": "no such file",
        tmp_path / ("x" * 300): "cannot be read",
        Path("/dev/zero"): "is a device",
        Path("a\0b"): "cannot be read",
        tmp_path: "is a folder",
    }
    with socket.socket(socket.AF_UNIX) as listener:
        here = Path.cwd()
        os.chdir(tmp_path)  # a socket's path may not be long
        listener.bind("plug.wav")
        os.chdir(here)
        began = time.monotonic()
        for path, message in {**expected, tmp_path / "plug.wav": "is a socket"}.items():
            for read in (audio.load, lambda path, rate: audio.probe(path)):
                with pytest.raises(AudioError, match=message) as error:
                    read(path, RATE)
                assert str(error.value).startswith(display_path(path))
    assert time.monotonic() - began < 5


@posix
@pytest.mark.parametrize(
    "name", [b"two\nlines.wav", b"bad\xff\xfename.wav", b"tab\there.m4a", "Überraschung.wav".encode()]
)
def test_any_name_works_and_is_shown_on_one_line(name: bytes, tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(name)
    path.write_bytes(contained([voice(1, 48_000)]) if name.endswith(b"m4a") else encoded(VOICE))
    assert audio.load(path, RATE).duration > 0.9
    assert audio.probe(path).duration is not None
    path.write_bytes(b"text")
    with pytest.raises(AudioError) as error:
        audio.load(path, RATE)
    str(error.value).encode("utf-8")
    assert str(error.value).isprintable()


def test_a_playlist_does_not_reach_other_files(tmp_path: Path) -> None:
    (tmp_path / "secret.mp3").write_bytes(encoded(VOICE, file_format="MP3"))
    lists = {
        "a.m3u8": f"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:4,\n{tmp_path / 'secret.mp3'}\n#EXT-X-ENDLIST\n",
        "a.ffconcat": "ffconcat version 1.0\nfile 'secret.mp3'\n",
    }
    for name, content in lists.items():
        (tmp_path / name).write_text(content)
        with pytest.raises(AudioError, match=r"cannot be decoded|contains no audio"):
            audio.load(tmp_path / name, RATE)


@posix
def test_ten_gigabytes_of_nothing(tmp_path: Path) -> None:
    path = tmp_path / "sparse.wav"
    with path.open("wb") as file:
        file.write(with_data_size(encoded(np.zeros((1000, 2)), 48_000), 0xFFFFFFFF))
        file.truncate(10_000_000_000)
    tracemalloc.start()
    blocks = audio.blocks(path, RATE)
    assert sum(len(next(blocks)) for _ in range(20)) > 20 * RATE
    for start in (20_000, 40_000):  # before and behind the 4 GiB that the header can count
        assert audio.load(path, RATE, AudioRegion(start=start, end=start + 1)).duration == 1
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 40e6


@posix
@pytest.mark.parametrize("size", [5_000_000_000, 10_000_000_000])
def test_a_recording_that_was_made_larger_is_what_its_header_counts(tmp_path: Path, size: int) -> None:
    path = tmp_path / "large.wav"
    with path.open("wb") as file:
        file.write(encoded(VOICE, RATE))
        file.truncate(size)
    np.testing.assert_allclose(audio.load(path, RATE).samples, VOICE, atol=1e-4)


WELL = [
    *(encoded(voice(1), RATE, file_format) for file_format in ("WAV", "FLAC", "OGG", "MP3", "AIFF", "CAF", "W64")),
    *(contained([voice(1, 48_000)], container=c, codec=k) for c, k in (("mp4", "aac"), ("webm", "libopus"))),
]


@settings(max_examples=150, deadline=5_000, derandomize=True)
@given(
    file=st.sampled_from(WELL),
    changes=st.lists(st.tuples(st.integers(0, 400), st.binary(min_size=1, max_size=8)), max_size=6),
    length=st.none() | st.integers(0, 20_000),
)
def test_any_damage_is_answered_or_refused(file: bytes, changes: list[tuple[int, bytes]], length: int | None) -> None:
    damaged = bytearray(file)
    for place, content in changes:
        damaged[place : place + len(content)] = content
    try:
        waveform = audio.load(bytes(damaged[:length]), RATE, AudioRegion(end=60))
        audio.probe(bytes(damaged[:length]))
    except AudioError:
        return
    assert np.isfinite(waveform.samples).all()
    assert len(waveform.samples)


def test_more_than_eight_planar_channels_are_read():
    # An AAC header may claim 52 channels. PyAV reads past the end of such a frame's planes and crashes the process.
    import av

    from audio_emotion.audio.ffmpeg import _channels_last

    frame = av.AudioFrame(format="fltp", layout="7.1.2", samples=4)
    values = np.arange(frame.layout.nb_channels * 4, dtype=np.float32).reshape(-1, 4)
    for plane, samples in zip(frame.planes, values, strict=False):
        plane.update(samples.tobytes().ljust(plane.buffer_size, b"\0"))
    np.testing.assert_array_equal(_channels_last(frame), values.T)
