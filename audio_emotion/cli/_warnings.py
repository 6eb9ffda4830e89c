"""Warnings of ``infer`` about recordings with unreliable predictions."""

from collections.abc import Iterator, Sequence

from audio_emotion.audio import Recording
from audio_emotion.audio.find import FileList
from audio_emotion.audio.segments import Segment
from audio_emotion.cli._messages import note
from audio_emotion.core.emotions import NO_SPEECH
from audio_emotion.core.paths import display_path
from audio_emotion.core.types import Prediction
from audio_emotion.inference.model import Model

SHORT_S = 1.0
"""A prediction for less than this many seconds of sound is unreliable: a word or two. Models use windows of about 3 s,
and their training clips are rarely shorter than 2 s."""

SLIP_S = 0.5
"""Seconds that a complete recording may end before the duration in its header: codecs pad their last frame."""


def note_passed_over(recordings: FileList) -> None:
    """Name a file that was passed over in the folders of the recordings, and how many more there are."""
    if passed_over := recordings.passed_over.count:
        more = f" and {passed_over - 1} more were" if passed_over > 1 else " was"
        first = display_path(recordings.passed_over.first)
        note(f"note: {first}{more} passed over: neither the name nor the content is that of a recording")


class Cautions:
    """Collects warnings: a single recording is named, several share one line."""

    def __init__(self, model: Model) -> None:
        self._rate = model.config.sampling_rate
        self._window_s = model.config.window_samples / self._rate
        self._short: list[str] = []
        self._muffled: list[str] = []
        self._cut: list[str] = []
        self._mixed: list[str] = []
        self._streams: list[str] = []
        self._notes: dict[str, list[str]] = {}  # the names of the recordings that each is about

    def see(self, name: str, prediction: Prediction) -> None:
        """Check the duration of a recording that was predicted as a whole."""
        seconds = prediction.end - prediction.start
        if seconds < SHORT_S and prediction.label != NO_SPEECH:
            self._short.append(f"{name} is short, {seconds:.1f} s of sound")

    def read(self, recording: Recording, end_s: float | None, *, is_named: bool = False) -> None:
        """Look at what a recording says of itself, and at what was noticed in its sound.

        Args:
            recording: it has been decoded.
            end_s: seconds, where its sound ended; None: not all of it was wanted.
            is_named: whether the user named the audio stream.
        """
        name, header = recording.name, recording.header
        if header.sampling_rate < self._rate:
            self._muffled.append(f"{name} has {header.sampling_rate} Hz")
        if header.missing:
            held = header.duration or 0.0
            self._see_cut(name, held, held + header.missing)
        elif header.counted and end_s is not None and header.counted - end_s > SLIP_S:
            self._see_cut(name, end_s, header.counted)
        if header.n_streams > 1 and not is_named:
            self._streams.append(f"{name} has {header.n_streams} audio streams, and stream {header.stream} was used")
        for text in recording.notes:
            self._notes.setdefault(text, []).append(name)

    def see_channels(self, name: str, n_channels: int, segments: Sequence[Segment]) -> None:
        """Look for segments of channels that the recording does not have; all of them were mixed for those."""
        absent = sorted({s.channel for s in segments if s.channel and s.channel > n_channels})
        if absent:
            numbers = ", ".join(map(str, absent))
            self._mixed.append(f"{name} has {n_channels} channel(s), and its segments name channel {numbers}")

    def _see_cut(self, name: str, held_s: float, counted_s: float) -> None:
        self._cut.append(f"{name} has {held_s:.2f} s of sound, but its header says {counted_s:.2f} s")

    def lines(self) -> Iterator[str]:
        """Yield one line for each kind of warning."""
        if self._short:
            yield (
                f"{_one_of(self._short)}: the model uses windows of {self._window_s:g} s, so "
                f"{'these predictions are' if self._short[1:] else 'the prediction is'} unreliable"
            )
        if self._muffled:
            yield (
                f"{_one_of(self._muffled)}, below the model's {self._rate} Hz: it lacks frequencies that the model uses"
            )
        if self._mixed:
            yield f"{_one_of(self._mixed)}: those segments are answered from the mean of all channels"
        if self._cut:
            yield f"{_one_of(self._cut)}: it is truncated or damaged, and the prediction only uses the rest"
        if self._streams:
            yield f"{_one_of(self._streams)}: name another one with --stream N"
        for text, names in self._notes.items():
            yield f"{_one_of(names)}: {text}"


def _one_of(messages: list[str]) -> str:
    """Return the first warning, and the number of others."""
    return messages[0] + (f" (and {len(messages) - 1} more)" if messages[1:] else "")
