"""Where sound lies in time: holes are silence, and time 0 is where a film begins."""

import numpy as np
import pytest

from audio_emotion import audio
from audio_emotion.audio.region import AudioRegion
from tests.sounds import RATE, contained, encoded, likeness, voice

VOICE = voice(6, 48_000)
CONTAINERS = [
    ("mp4", "aac"),
    ("mov", "aac"),
    ("matroska", "aac"),
    ("webm", "libopus"),
    ("mpegts", "aac"),
    ("nut", "mp2"),
]


def loud(samples: np.ndarray, start: float, end: float) -> bool:
    return float(np.abs(samples[round(start * RATE) : round(end * RATE)]).max()) > 0.05


@pytest.mark.parametrize(("container", "codec"), CONTAINERS)
def test_a_hole_is_silence(container: str, codec: str) -> None:
    samples = audio.load(contained([VOICE], container=container, codec=codec, hole=(3, 20)), RATE).samples
    assert len(samples) / RATE == pytest.approx(26, abs=0.15)
    assert loud(samples, 0, 3)
    assert not samples[round(3.2 * RATE) : round(22.9 * RATE)].any()
    assert loud(samples, 23, 26)


@pytest.mark.parametrize(("container", "codec"), CONTAINERS)
def test_a_part_has_the_same_clock(container: str, codec: str) -> None:
    content = contained([VOICE], container=container, codec=codec, hole=(3, 20))
    whole = audio.load(content, RATE).samples
    assert not audio.load(content, RATE, AudioRegion(10, 15)).samples.any()
    for start, end in ((1, 2.5), (2.5, 4), (22, 24), (24.2, 25.7)):
        part = audio.load(content, RATE, AudioRegion(start, end)).samples
        expected = whole[round(start * RATE) : round(end * RATE)]
        assert len(part) == len(expected)
        # Matroska's times are whole milliseconds, and codecs need some sound before they are in tune
        shifts = (likeness(np.roll(part, shift)[3200:-32], expected[3200:-32]) for shift in range(-16, 17))
        assert max(shifts) > 0.95, (start, end)


@pytest.mark.parametrize(("container", "codec"), CONTAINERS)
def test_sound_that_begins_after_the_picture_follows_the_picture(container: str, codec: str) -> None:
    content = contained([VOICE], container=container, codec=codec, picture=container != "webm", late_s=4.1)
    samples = audio.load(content, RATE).samples
    late_s = 0 if container == "webm" else 4.1  # without a picture, the sound is the beginning
    assert len(samples) / RATE == pytest.approx(6 + late_s, abs=0.15)
    assert not samples[: round((late_s - 0.1) * RATE)].any() if late_s else loud(samples, 0, 1)
    assert loud(samples, late_s, late_s + 1)
    part = audio.load(content, RATE, AudioRegion(late_s + 2.5, late_s + 4)).samples
    expected = samples[round((late_s + 2.5) * RATE) :][: len(part)]
    shifts = (likeness(np.roll(part, shift)[32:-32], expected[32:-32]) for shift in range(-16, 17))
    assert max(shifts) > 0.98


def test_small_differences_are_no_holes() -> None:
    whole = audio.load(contained([VOICE], container="matroska"), RATE).samples
    assert len(audio.load(contained([VOICE], container="matroska", hole=(3, 0.05)), RATE).samples) == len(whole)
    film = contained([VOICE], container="matroska", picture=True, late_s=0.05)
    assert len(audio.load(film, RATE).samples) == len(whole)


@pytest.mark.parametrize("seconds", [5_000, -2])
def test_time_stamps_that_begin_again_or_are_damaged_add_nothing(seconds: float) -> None:
    content = contained([VOICE], container="nut" if seconds < 0 else "matroska", codec="mp2", hole=(3, max(0, seconds)))
    if seconds < 0:
        content += content
    assert audio.load(content, RATE).duration == pytest.approx(6 if seconds > 0 else 12, abs=0.2)


def test_a_piece_cut_from_a_longer_recording_begins_at_0() -> None:
    content = contained([VOICE], container="matroska", late_s=300)
    assert audio.load(content, RATE).duration == pytest.approx(6, abs=0.1)
    assert audio.load(content, RATE, AudioRegion(3, 4)).duration == 1


@pytest.mark.parametrize(
    ("content", "is_estimate"),
    [
        (contained([VOICE], container="adts"), True),
        (contained([VOICE], container="ac3", codec="ac3"), True),
        (contained([VOICE], container="mp3", codec="mp3", options={"write_xing": "0"}), True),
        (contained([VOICE], container="mp3", codec="mp3", options={"write_xing": "0", "id3v2_version": "0"}), True),
        (contained([VOICE], container="mp3", codec="mp3"), False),
        (contained([VOICE], container="mp3", codec="mp3", options={"id3v2_version": "0"}), False),
        (contained([VOICE], container="mp4"), False),
        (contained([VOICE], container="matroska"), False),
        (encoded(VOICE), False),
        (encoded(VOICE, file_format="FLAC"), False),
        (encoded(VOICE, file_format="OGG"), False),
    ],
)
def test_the_header_says_whether_its_duration_is_an_estimate(content: bytes, is_estimate: bool) -> None:
    assert audio.probe(content).is_estimate is is_estimate
