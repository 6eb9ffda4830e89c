"""Damaged recordings by the hundred, in a process that may take little time and memory; ``test_fuzz.py`` runs it.

``python -m tests.fuzz FIRST ROUNDS SECONDS FOLDER``: rounds of 250 examples, each with its number as seed, so that it
can be had again; none begins after SECONDS. What is being tried lies in FOLDER, to be looked at where it ends this
process.
"""

import faulthandler
import resource
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from audio_emotion import audio
from audio_emotion.core.errors import AudioError
from audio_emotion.inference.loading import load_model
from audio_emotion.inference.model import Model
from audio_emotion.inference.timeline import timeline
from tests.sounds import contained, encoded, voice

EXAMPLE_S = 30  # on a busy machine an honest one takes some tenths of a second
MEMORY_BYTES = 2**30

SOUND, WIDE = voice(0.7), voice(0.7, 48_000)
FRAGMENTED = {"movflags": "frag_keyframe+empty_moov", "frag_duration": "200000"}
WELL = {
    "wav": encoded(SOUND),
    "wav float": encoded(np.stack([SOUND] * 2, axis=1), 44_100, subtype="FLOAT"),
    "wav extensible": encoded(np.stack([SOUND] * 6, axis=1), 8_000, "WAVEX", "PCM_24"),
    "flac": encoded(SOUND, file_format="FLAC"),
    "ogg": encoded(SOUND, file_format="OGG"),
    "aiff": encoded(SOUND, file_format="AIFF"),
    "mp3": encoded(SOUND, file_format="MP3"),
    "adts": contained([WIDE], container="adts"),
    "m4a": contained([WIDE]),
    "mp4": contained([WIDE], picture=True),
    "mp4 in fragments": contained([WIDE], options=FRAGMENTED),
    "webm": contained([WIDE], container="webm", codec="libopus"),
    "mkv": contained([WIDE, WIDE], container="matroska", codec="flac"),
}
MAGIC = [b"", b"RIFF\xff\xff\xff\xffWAVEfmt ", b"fLaC\0\0\0\x22", b"OggS\0\2", b"ID3\4\0\0", b"\xff\xfb\x90\0",
         b"\0\0\0\x20ftypisom", b"\x1aE\xdf\xa3", b"FORM\0\0\0\0AIFFCOMM", b"#EXTM3U\n", b"caff\0\1\0\0"]  # fmt: skip
LIES = [0, 1, 2, 255, 2**15 - 1, 2**15, 2**16 - 1, 2**31 - 1, 2**31, 2**32 - 1, 2**63 - 1, 2**64 - 1]

places = st.integers(0, 60) | st.integers(-700, -1) | st.integers(0, 30_000)  # headers, indices at the end, all else


@st.composite
def edits(draw: st.DrawFn) -> tuple[str, int, bytes | int]:
    """One change: its kind, where, and what with."""
    kind = draw(st.sampled_from(["flip", "lie", "cut", "splice", "copy", "end"]))
    if kind == "lie":
        width, order = draw(st.sampled_from([1, 2, 4, 8])), draw(st.sampled_from(["big", "little"]))
        return kind, draw(places), (draw(st.sampled_from(LIES)) % 256**width).to_bytes(width, order)
    if kind == "splice":
        few, many = st.binary(max_size=20), st.integers(0, 99).map(lambda n: np.random.default_rng(n).bytes(40 * n))
        return kind, draw(places), draw(few | many)
    return kind, draw(places), draw(st.integers(0, 7) if kind == "flip" else st.integers(1, 5_000))


def edited(content: bytes, kind: str, place: int, what: bytes | int) -> bytes:
    """Return a file with one change."""
    place %= len(content) or 1
    before, behind = content[:place], content[place:]
    if isinstance(what, bytes):
        return before + what + (behind if kind == "splice" else behind[len(what) :])
    if kind == "flip":
        return before + bytes(byte ^ 1 << what for byte in behind[:1]) + behind[1:]
    return before + {"cut": behind[what:], "copy": behind[:what] + behind, "end": b""}[kind]


damaged = st.builds(
    lambda name, changes: (name, changes), st.sampled_from(sorted(WELL)), st.lists(edits(), min_size=1, max_size=6)
)
garbage = st.builds(lambda magic, rest: magic + rest, st.sampled_from(MAGIC), st.binary(max_size=600))


def answered(model: Model, content: bytes, along_time: bool) -> bool:
    """Tell whether a recording has an answer; one without has the package's own error."""
    with suppress(AudioError):
        audio.probe(content)
    try:
        said = list(timeline(model, content)) if along_time else [model.predict(content)]
    except AudioError as error:
        if not str(error).isprintable():
            raise ValueError(ascii(error)) from error
        return False
    assert said
    assert all(0 <= score <= 1 for one in said for score in one.scores.values())
    return True


def attempt(model: Model, folder: Path, counts: Counter[bool]) -> Callable[[], None]:
    """Return a round of examples."""

    @settings(max_examples=250, database=None, deadline=None, suppress_health_check=list(HealthCheck))
    @given(damaged | garbage, st.booleans())
    def once(recording: tuple[str, list[tuple[str, int, bytes | int]]] | bytes, along_time: bool) -> None:
        if isinstance(recording, tuple):
            content = WELL[recording[0]]
            for change in recording[1]:
                content = edited(content, *change)
        else:
            content = recording
        (folder / "tried").write_bytes(content)
        faulthandler.dump_traceback_later(EXAMPLE_S, exit=True)
        counts[answered(model, content, along_time)] += 1
        faulthandler.cancel_dump_traceback_later()

    return once


def main() -> None:
    first, n_rounds, seconds, folder = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]), Path(sys.argv[4])
    model, counts, end = load_model(device="cpu"), Counter[bool](), time.monotonic() + seconds
    for content in WELL.values():
        assert answered(model, content, along_time=False)
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[0])
    limit = pages * resource.getpagesize() + MEMORY_BYTES
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    for number in range(first, first + n_rounds):
        if time.monotonic() < end:
            seed(number)(attempt(model, folder, counts))()
    status = Path("/proc/self/status").read_text("ascii")  # getrusage would begin with the parent's peak
    peak_kib = int(status.split("VmHWM:")[1].split()[0])
    print(f"{counts[True]} answered, {counts[False]} refused, {peak_kib // 1024} MiB")


if __name__ == "__main__":
    main()
