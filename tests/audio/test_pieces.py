"""One file with several recordings in it, or with something before the recording."""

import io
import struct

import numpy as np
import pytest

from audio_emotion import audio
from audio_emotion.audio.pieces import FileView, pieces
from audio_emotion.audio.region import AudioRegion
from audio_emotion.core.errors import AudioError
from tests.sounds import RATE, contained, encoded, likeness, voice

FIRST, SECOND = voice(2), voice(3, seed=1)
BOTH = np.concatenate([FIRST, SECOND])
ID3 = b"ID3\x04\0\0\0\0\x02\x01" + bytes(257)
FORMATS = [("OGG", "VORBIS"), ("OGG", "OPUS"), ("FLAC", None), ("WAV", None), ("AIFF", None), ("MP3", None)]


def ogg(container: str, codec: str, samples: np.ndarray) -> bytes:
    return contained([np.repeat(samples, 3)], container=container, codec=codec)


@pytest.mark.parametrize(("file_format", "subtype"), FORMATS)
@pytest.mark.parametrize("kind", ["path", "bytes", "file object"])
def test_every_recording_of_a_chain_is_decoded(file_format: str, subtype: str | None, kind: str, tmp_path) -> None:
    content = b"".join(encoded(samples, RATE, file_format, subtype) for samples in (FIRST, SECOND))
    (tmp_path / "chain").write_bytes(content)
    source = {"path": tmp_path / "chain", "bytes": content, "file object": io.BytesIO(content)}[kind]
    samples = audio.load(source, RATE).samples
    assert len(samples) == pytest.approx(len(BOTH), abs=0.2 * RATE)  # MP3 adds some at each end
    if file_format != "MP3":
        assert likeness(samples, BOTH) > 0.97
        assert audio.probe(source).duration == pytest.approx(5, abs=0.01)


@pytest.mark.parametrize(
    ("container", "codec"), [("ogg", "flac"), ("ogg", "libopus"), ("webm", "libopus"), ("mp4", "aac")]
)
def test_chains_that_ffmpeg_wrote(container: str, codec: str) -> None:
    content = ogg(container, codec, FIRST) + ogg(container, codec, SECOND)
    assert audio.load(content, RATE).duration == pytest.approx(5, abs=0.1)


def test_links_may_have_the_same_serial_number_and_other_rates() -> None:
    link = encoded(FIRST, RATE, "OGG", "VORBIS")
    assert audio.load(link * 3, RATE).duration == pytest.approx(6, abs=0.01)
    other = encoded(voice(2, 44_100), 44_100, "OGG", "VORBIS")
    assert audio.load(link + other, RATE).duration == pytest.approx(4, abs=0.01)


@pytest.mark.parametrize(
    ("file_format", "subtype"), [("OGG", "VORBIS"), ("OGG", "OPUS"), ("FLAC", None), ("WAV", None)]
)
def test_a_part_of_a_chain_is_the_slice(file_format: str, subtype: str | None) -> None:
    content = b"".join(encoded(samples, RATE, file_format, subtype) for samples in (FIRST, SECOND, FIRST))
    whole = audio.load(content, RATE).samples
    for start, end in ((0.5, 1.0), (1.5, 2.5), (2.5, 4.5), (4.9, 6.5)):
        part = audio.load(content, RATE, AudioRegion(start, end)).samples
        expected = whole[round(start * RATE) : round(end * RATE)]
        assert len(part) == len(expected)
        assert likeness(part, expected) > 0.97  # Vorbis is entered less exactly
    with pytest.raises(AudioError, match="contains no samples after 9 s"):
        audio.load(content, RATE, AudioRegion(9))


def test_a_later_link_that_is_damaged_costs_the_others_nothing() -> None:
    first, second = (encoded(samples, RATE, "OGG", "VORBIS") for samples in (FIRST, SECOND))
    assert audio.load(first + second[:60], RATE).duration == pytest.approx(2, abs=0.01)
    assert audio.load(first + second[:60] + first, RATE).duration == pytest.approx(4, abs=0.01)
    long = encoded(voice(30), RATE, "OGG", "VORBIS")
    assert audio.load(first + long[: len(long) // 2], RATE).duration > 10


@pytest.mark.parametrize("file_format", ["WAV", "AIFF", "FLAC", "OGG", "CAF"])
@pytest.mark.parametrize("tags", [ID3, ID3 * 2, ID3 + bytes(100), ID3[:5] + b"\x10" + ID3[6:] + b"3DI" + ID3[3:10]])
def test_a_tag_in_front_changes_nothing(file_format: str, tags: bytes) -> None:
    content = encoded(FIRST, RATE, file_format)
    assert np.array_equal(audio.load(tags + content, RATE).samples, audio.load(content, RATE).samples)
    assert audio.probe(tags + content).duration == 2


def test_a_tag_in_front_of_mpeg_sound_changes_nothing() -> None:
    content = encoded(FIRST, RATE, "MP3")
    assert likeness(audio.load(ID3 + content, RATE).samples, audio.load(content, RATE).samples) > 0.999


@pytest.mark.parametrize(("file_format", "order"), [("WAV", "<I"), ("AIFF", ">I")])
@pytest.mark.parametrize("n_bytes", [1, 5, 31])
def test_a_chunk_of_odd_length_may_lack_its_padding(file_format: str, order: str, n_bytes: int) -> None:
    content = encoded(FIRST, RATE, file_format)
    chunk = b"NOTE" + struct.pack(order, n_bytes) + b"x" * n_bytes
    for head in (chunk, chunk * 3, chunk + b"\0", chunk + b"\0" + chunk):
        with_chunk = content[:12] + head + content[12:]
        assert np.array_equal(audio.load(with_chunk, RATE).samples, audio.load(content, RATE).samples), head
        assert audio.load(with_chunk, RATE, AudioRegion(1.5)).duration == 0.5


def test_a_byte_too_much_between_chunks_is_left_out() -> None:
    content = encoded(FIRST, RATE)
    for wrong in (content[:36] + b"\0" + content[36:], content[:12] + b"NOTE\2\0\0\0ab\0" + content[12:]):
        assert np.array_equal(audio.load(wrong, RATE).samples, audio.load(content, RATE).samples)


def test_large_headers_are_joined_too() -> None:
    large = encoded(FIRST, RATE, "RF64")
    assert large[:4] == b"RF64"
    assert audio.load(large + encoded(SECOND, RATE) + large, RATE).duration == 7


def test_most_files_are_read_as_they_are() -> None:
    for file_format, subtype in FORMATS:
        file = io.BytesIO(encoded(FIRST, RATE, file_format, subtype))
        assert pieces(file) == [file]


def test_a_view_reads_its_parts_one_after_the_other() -> None:
    view = FileView(io.BytesIO(b"0123456789"), [(2, 4), b"ab", (8, 10)])
    assert view.readall() == b"23ab89"
    assert view.seek(-3, 2) == 3
    assert view.read(2) == b"b8"
    assert view.tell() == 5
    assert view.seek(99) == 99
    assert view.read(1) == b""
    with pytest.raises(ValueError, match="negative"):
        view.seek(-1)
