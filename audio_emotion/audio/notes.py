"""What to know of a recording besides its prediction: that only a part of it was used, or how far to trust it."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from audio_emotion.audio.recordings import Recording

SHORT_S = 1.0
"""A prediction for less than this many seconds of sound is unreliable: a word or two. Models use windows of about 3 s,
and their training clips are rarely shorter than 2 s."""

SLIP_S = 0.5
"""Seconds that a complete recording may end before the duration in its header: codecs pad their last frame."""


@dataclass(frozen=True, slots=True)
class Note:
    """A note on a recording.

    Attributes:
        fact: what is so, as ``has 8000 Hz``, to stand behind a name; empty if the consequence says all.
        consequence: what follows from it, or what to do.

    >>> str(Note("has 8000 Hz", "it lacks frequencies that the model uses"))
    'the recording has 8000 Hz: it lacks frequencies that the model uses'
    """

    fact: str
    consequence: str

    def __str__(self) -> str:
        return f"the recording {self.fact}: {self.consequence}" if self.fact else self.consequence


def notes_on(
    recording: "Recording", sampling_rate: int, end_s: float | None = None, *, is_stream_named: bool = False
) -> tuple[Note, ...]:
    """Return what a recording states about itself, and what was noticed in its sound.

    Args:
        recording: it has been decoded.
        sampling_rate: the model's, in Hz.
        end_s: seconds, where its sound ended; None: not all of it was wanted.
        is_stream_named: whether the user named the audio stream.
    """
    return tuple(_notes(recording, sampling_rate, end_s, is_stream_named))


def _notes(recording: "Recording", sampling_rate: int, end_s: float | None, is_stream_named: bool) -> Iterator[Note]:
    header = recording.header
    if header.sampling_rate < sampling_rate:
        fact = f"has {header.sampling_rate} Hz, below the model's {sampling_rate} Hz"
        yield Note(fact, "it lacks frequencies that the model uses")
    if header.missing:
        held = header.duration or 0.0
        yield _truncated(held, held + header.missing)
    elif header.counted and end_s is not None and header.counted - end_s > SLIP_S:
        yield _truncated(end_s, header.counted)
    if header.n_streams > 1 and not is_stream_named:
        fact = f"has {header.n_streams} audio streams, and stream {header.stream} was used"
        yield Note(fact, "name another one with --stream N")
    for text in recording.notes:
        yield Note("", text)


def _truncated(held_s: float, counted_s: float) -> Note:
    fact = f"has {held_s:.2f} s of sound, but its header says {counted_s:.2f} s"
    return Note(fact, "it is truncated or damaged, and the prediction only uses the rest")


@dataclass
class NoteSummary:
    """Notes on many recordings: one line for each consequence, with the first recording that it is about."""

    _firsts: dict[str, str] = field(default_factory=dict)
    _counts: dict[str, int] = field(default_factory=dict)

    def add(self, name: str, notes: Iterable[Note]) -> None:
        """Add the notes on a recording."""
        for note in notes:
            self._firsts.setdefault(note.consequence, f"{name} {note.fact}".rstrip())
            self._counts[note.consequence] = self._counts.get(note.consequence, 0) + 1

    def lines(self) -> Iterator[str]:
        """Yield ``a.wav has 8000 Hz (and 2 more): it lacks frequencies`` for each consequence."""
        for consequence, first in self._firsts.items():
            more = self._counts[consequence] - 1
            yield f"{first}{f' (and {more} more)' if more else ''}: {consequence}"
