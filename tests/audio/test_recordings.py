import io
from pathlib import Path

import numpy as np
import pytest
import soundfile

from audio_emotion import audio
from audio_emotion.audio.region import AudioRegion
from audio_emotion.core.errors import AudioError, UsageError
from tests.sounds import RATE, contained, encoded, likeness, voice, with_total

VOICE = voice(4)
STEREO = np.stack([VOICE, voice(4, seed=1)], axis=1)


def joined(source: audio.AudioSource, rate: int = RATE, part: AudioRegion = audio.FULL) -> np.ndarray:
    return np.concatenate(list(audio.blocks(source, rate, part)))


# --- any input --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("file_format", "subtype"),
    [
        *(("WAV", "PCM_16"), ("WAV", "PCM_U8"), ("WAV", "PCM_24"), ("WAV", "FLOAT"), ("FLAC", None), ("OGG", "VORBIS")),
        *(("OGG", "OPUS"), ("MP3", None), ("AIFF", None), ("CAF", None), ("AU", None), ("RF64", None), ("W64", None)),
    ],
)
def test_formats_of_libsndfile(file_format: str, subtype: str | None) -> None:
    waveform = audio.load(encoded(VOICE, RATE, file_format, subtype), RATE)
    assert waveform.samples.dtype == np.float32
    assert abs(len(waveform.samples) - len(VOICE)) < 200
    assert likeness(waveform.samples, VOICE) > 0.98


@pytest.mark.parametrize(
    ("container", "codec", "picture"),
    [
        *(("mp4", "aac", False), ("mp4", "aac", True), ("adts", "aac", False), ("mov", "aac", True)),
        *(("matroska", "aac", True), ("webm", "libopus", False), ("avi", "mp2", True)),
    ],
)
def test_containers_of_ffmpeg(container: str, codec: str, picture: bool) -> None:
    file = contained([voice(4, 48_000)], container=container, codec=codec, picture=picture)
    waveform = audio.load(file, RATE)
    assert waveform.source_rate == 48_000
    assert abs(waveform.duration - 4) < 0.1
    power = np.correlate(waveform.samples[:32_000], VOICE[4000:28_000], "valid")  # codecs may delay by some samples
    assert power.max() > 0.9 * np.square(VOICE[4000:28_000]).sum()


def test_content_decides_whatever_the_name(tmp_path: Path) -> None:
    for name in ("x", "x.MP3", "x.raw", "x.png", "x.txt"):
        (tmp_path / name).write_bytes(encoded(VOICE, file_format="FLAC"))
        assert len(audio.load(tmp_path / name, RATE).samples) == len(VOICE)


def test_path_bytes_and_file_object_are_the_same(tmp_path: Path) -> None:
    content = encoded(VOICE, 44_100)
    (tmp_path / "a.wav").write_bytes(content)
    expected = audio.load(tmp_path / "a.wav", RATE).samples
    with (tmp_path / "a.wav").open("rb") as file:
        file.read(100)
        assert np.array_equal(audio.load(file, RATE).samples, expected)
        assert not file.closed
    assert np.array_equal(audio.load(content, RATE).samples, expected)


@pytest.mark.parametrize("rate", [8_000, 11_025, 16_000, 44_100, 48_000, 96_000])
def test_blocks_joined_are_the_whole_resampled(rate: int) -> None:
    import soxr

    sound = voice(14, rate)
    samples = joined(encoded(sound, rate, subtype="FLOAT"))
    expected = sound if rate == RATE else soxr.resample(sound, rate, RATE, quality="VHQ")
    assert len(samples) == len(expected)
    assert np.abs(samples - expected).max() < 1e-4
    assert np.array_equal(samples, audio.load(encoded(sound, rate, subtype="FLOAT"), RATE).samples)


def test_blocks_are_several_and_small() -> None:
    sizes = [len(block) for block in audio.blocks(encoded(np.zeros((400_000, 8))), RATE)]
    assert len(sizes) > 5
    assert sum(sizes) == 400_000


def test_source_rate_is_told() -> None:
    waveform = audio.load(encoded(VOICE, 8_000), RATE)
    assert (waveform.source_rate, waveform.sampling_rate, waveform.duration) == (8_000, RATE, 8.0)


def test_channels() -> None:
    file = encoded(STEREO, subtype="FLOAT")
    assert np.allclose(audio.load(file, RATE).samples, STEREO.mean(axis=1), atol=1e-6)
    for channel in (1, 2):
        assert np.array_equal(audio.load(file, RATE, AudioRegion(channel=channel)).samples, STEREO[:, channel - 1])
    assert audio.channel_numbers(file, "each") == (1, 2)
    assert audio.channel_numbers(file, "mix") == (None,)
    assert audio.channel_numbers(file, 2) == (2,)
    with pytest.raises(AudioError, match=r"has 2 channel\(s\), and channel 3 was requested"):
        audio.load(file, RATE, AudioRegion(channel=3))


def test_streams() -> None:
    file = contained([voice(3, 48_000), voice(3, 48_000, seed=1)], container="matroska", codec="flac")
    for number, seed in ((1, 0), (2, 1)):
        samples = audio.load(file, 48_000, AudioRegion(stream=number)).samples
        assert likeness(samples, voice(3, 48_000, seed)) > 0.99
    with pytest.raises(AudioError, match=r"has 2 audio stream\(s\), and stream 3 was requested"):
        audio.load(file, RATE, AudioRegion(stream=3))
    with pytest.raises(AudioError, match="stream 2 was requested"):
        audio.load(encoded(VOICE), RATE, AudioRegion(stream=2))


def test_the_stream_that_is_marked_as_default_is_preferred() -> None:
    tracks = [voice(3, 48_000), voice(3, 48_000, seed=1)]
    for container, codec in (("matroska", "flac"), ("mov", "alac")):
        for default, seed in ((1, 0), (2, 1)):
            file = contained(tracks, container=container, codec=codec, default=default)
            header = audio.probe(file)
            assert (header.stream, header.n_streams) == (default, 2)
            assert likeness(audio.load(file, 48_000).samples, voice(3, 48_000, seed)) > 0.99
    file = contained(tracks, container="matroska", codec="flac", default=2)
    assert likeness(audio.load(file, 48_000, AudioRegion(stream=1)).samples, voice(3, 48_000)) > 0.99
    assert audio.probe(encoded(VOICE)).n_streams == 1


def test_a_recording_is_opened_once(monkeypatch: pytest.MonkeyPatch) -> None:
    import av

    opened = []
    for module, name in ((soundfile, "SoundFile"), (av, "open")):
        original = getattr(module, name)
        monkeypatch.setattr(module, name, lambda *a, _f=original, **k: opened.append(_f) or _f(*a, **k))
    for content in (encoded(VOICE), contained([voice(4, 48_000)])):
        opened.clear()
        with audio.open_recording(content) as recording:
            assert recording.header.duration == pytest.approx(4, abs=0.1)
            first = np.concatenate(list(recording.blocks(RATE)))
            assert len(opened) == (1 if content[:4] == b"RIFF" else 2), "libsndfile tried, or FFmpeg behind it"
            assert np.array_equal(np.concatenate(list(recording.blocks(RATE))), first), "a second time"
        with audio.open_recording(content) as recording:
            assert np.array_equal(np.concatenate(list(recording.blocks(RATE))), first), "the header was not read"


# --- channels that cancel each other ----------------------------------------------------------------------------------


@pytest.mark.parametrize("gain", [-1.0, -0.9, -1.1])
def test_channels_out_of_phase_do_not_cancel_each_other(gain: float) -> None:
    file = encoded(np.stack([VOICE, gain * VOICE], axis=1), subtype="FLOAT")
    with audio.open_recording(file) as recording:
        samples = np.concatenate(list(recording.blocks(RATE)))
    loudest = 2 if gain < -1 else 1
    assert np.array_equal(samples, audio.load(file, RATE, AudioRegion(channel=loudest)).samples)
    assert recording.notes == [f"the channels are out of phase, so channel {loudest} was used instead of their mix"]
    for scale, dtype in ((2**15 - 1, "int16"), (2**31 - 1, "int32")):
        frames = (np.stack([VOICE, -VOICE], axis=1) * np.float64(scale)).astype(dtype)
        assert likeness(audio.from_frames(frames, RATE, RATE).samples, VOICE) > 0.999


@pytest.mark.parametrize("second", [VOICE, 0 * VOICE, voice(4, seed=1), -0.5 * VOICE, -voice(4, seed=1), 1e-5 * VOICE])
def test_all_other_channels_are_mixed(second: np.ndarray) -> None:
    frames = np.stack([VOICE, second], axis=1)
    with audio.open_recording(encoded(frames, subtype="FLOAT")) as recording:
        samples = np.concatenate(list(recording.blocks(RATE)))
    assert np.array_equal(samples, frames.astype(np.float32).mean(axis=1, dtype=np.float32))
    assert not recording.notes


def test_channels_may_be_out_of_phase_for_a_while() -> None:
    in_phase, opposite = np.stack([VOICE, VOICE], axis=1), np.stack([VOICE, -VOICE], axis=1)
    frames = np.concatenate([in_phase] * 6 + [opposite] * 8 + [in_phase] * 6)
    samples = audio.load(encoded(frames, subtype="FLOAT"), RATE).samples
    quiet = [not samples[at : at + RATE].any() for at in range(0, len(samples), RATE)]
    assert sum(quiet) < 10
    assert not any(quiet[:24] + quiet[-44:])


def test_a_stream_changes_no_channel_in_the_middle_of_its_sound() -> None:
    downmix = audio.Downmix(None)
    frames = np.stack([VOICE, -VOICE], axis=1)
    samples = np.concatenate([downmix.push(frames[at : at + 320]) for at in range(0, len(frames), 320)])
    assert np.array_equal(samples, VOICE)
    assert downmix.used == 1
    in_phase = np.stack([VOICE, VOICE], axis=1)
    assert np.array_equal(downmix.push(np.concatenate([in_phase] * 9))[-RATE:], VOICE[-RATE:])


def test_probe() -> None:
    header = audio.probe(encoded(STEREO, 44_100, "FLAC"))
    assert header == audio.Header(64_000 / 44_100, 44_100, 2, counted=64_000 / 44_100)
    header = audio.probe(contained([voice(4, 48_000)]))
    assert header.duration == pytest.approx(4, abs=0.1)
    assert (header.sampling_rate, header.n_channels) == (48_000, 1)
    assert audio.probe(encoded(VOICE, file_format="MP3")).duration == pytest.approx(4, abs=0.1)
    assert audio.probe(with_total(encoded(VOICE, file_format="FLAC"), 0)).duration is None


# --- a part of it -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("file_format", ["WAV", "FLAC"])
def test_part_is_the_slice(file_format: str) -> None:
    file = encoded(VOICE, RATE, file_format)
    whole = audio.load(file, RATE).samples
    waveform = audio.load(file, RATE, AudioRegion(start=1.25, end=2.5))
    assert waveform.start == 1.25
    assert np.array_equal(waveform.samples, whole[20_000:40_000])
    assert np.array_equal(joined(file, part=AudioRegion(start=3)), whole[48_000:])
    assert np.array_equal(joined(file, part=AudioRegion(end=9)), whole)


@pytest.mark.parametrize(
    ("container", "codec"), [("mp4", "aac"), ("matroska", "aac"), ("webm", "libopus"), ("mp3", "mp3"), ("adts", "aac")]
)
def test_part_of_a_container_is_the_slice(container: str, codec: str) -> None:
    file = contained([voice(12, 48_000)], container=container, codec=codec)
    whole = audio.load(file, 48_000).samples
    piece = audio.load(file, 48_000, AudioRegion(start=7.3, end=8.3)).samples
    assert len(piece) == 48_000
    at = round(7.3 * 48_000)
    # Matroska's times are whole milliseconds: the piece may be off by some samples, and by no more
    errors = [np.abs(piece - whole[at + shift : at + shift + 48_000]).max() for shift in range(-48, 49)]
    assert min(errors) < 1e-3
    assert container in {"matroska", "webm"} or int(np.argmin(errors)) == 48


@pytest.mark.parametrize("file", [encoded(VOICE), contained([voice(4, 48_000)])])
def test_part_behind_the_end(file: bytes) -> None:
    with pytest.raises(AudioError, match="contains no samples after 100 s, where it was to start"):
        audio.load(file, RATE, AudioRegion(start=100))


@pytest.mark.parametrize(
    "values", [{"start": -1}, {"start": float("nan")}, {"start": 2, "end": 2}, {"channel": 0}, {"stream": 0}]
)
def test_parts_that_no_recording_has(values: dict[str, float]) -> None:
    with pytest.raises(UsageError, match=r"expected|counted"):
        AudioRegion(**values)  # type: ignore[arg-type]


# --- samples ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["int16", "int32", "uint8", "float64"])
def test_arrays_of_any_type_have_one_scale(dtype: str) -> None:
    scale = {"int16": 2**15, "int32": 2**31, "uint8": 2**7, "float64": 1}[dtype]
    frames = (VOICE.astype(float) * scale + (128 if dtype == "uint8" else 0)).astype(dtype)
    assert np.abs(audio.from_frames(frames, RATE, RATE).samples - VOICE).max() < 1 / 100


@pytest.mark.parametrize(
    ("frames", "message"),
    [
        (np.zeros(0), "contains no samples"),
        (np.zeros((2, 48_000)), "has the shape"),
        (np.zeros((2, 2, 2)), "has the shape"),
        (np.array(["a"]), "expected floats or integers"),
        (np.array([np.nan]), "NaN"),
    ],
)
def test_arrays_that_are_no_sound(frames: np.ndarray, message: str) -> None:
    with pytest.raises(AudioError, match=message):
        audio.from_frames(frames, RATE, RATE)


def test_rate_of_an_array() -> None:
    for rate in (0, -1, 10**9):
        with pytest.raises(AudioError, match="states a sampling rate"):
            audio.from_frames(VOICE, rate, RATE)


def test_a_single_sample_is_a_sound() -> None:
    assert len(audio.load(encoded(np.zeros(1), 48_000), RATE).samples) == 1
    assert len(audio.from_frames(np.zeros(1), 96_000, RATE).samples) == 1


# --- real recordings --------------------------------------------------------------------------------------------------


@pytest.mark.realdata
def test_published_files(recordings: Path) -> None:
    for path in sorted((recordings / "originals").glob("*.wav")):
        waveform = audio.load(path, RATE)
        frames, rate = soundfile.read(path, always_2d=True)
        assert (waveform.source_rate, rate) == (48_000, 48_000)
        assert waveform.duration == pytest.approx(len(frames) / rate, abs=1e-3)
        assert np.array_equal(waveform.samples, joined(io.BytesIO(path.read_bytes())))
