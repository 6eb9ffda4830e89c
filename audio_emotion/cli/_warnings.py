"""Warnings of ``infer`` about recordings with unreliable predictions."""

from collections.abc import Iterable, Iterator, Sequence

from audio_emotion.audio.find import FileList
from audio_emotion.audio.notes import SHORT_S, Note, NoteSummary
from audio_emotion.audio.segments import Segment
from audio_emotion.cli._messages import note
from audio_emotion.core.emotions import NO_SPEECH
from audio_emotion.core.paths import display_path
from audio_emotion.core.types import Prediction
from audio_emotion.inference.model import Model


def note_passed_over(recordings: FileList) -> None:
    """Name a file that was passed over in the folders of the recordings, and how many more there are."""
    if passed_over := recordings.passed_over.count:
        more = f" and {passed_over - 1} more were" if passed_over > 1 else " was"
        first = display_path(recordings.passed_over.first)
        note(f"note: {first}{more} skipped: neither the name nor the content is that of a recording")


class Warnings:
    """Collects warnings: a single recording is named, several share one line."""

    def __init__(self, model: Model) -> None:
        self._window_s = model.config.window_samples / model.config.sampling_rate
        self._short: list[str] = []
        self._mixed: list[str] = []
        self._summary = NoteSummary()

    def add_prediction(self, name: str, prediction: Prediction) -> None:
        """Check the duration of a recording that was predicted as a whole."""
        seconds = prediction.end - prediction.start
        if seconds < SHORT_S and prediction.label != NO_SPEECH:
            self._short.append(f"{name} is short, {seconds:.1f} s of sound")

    def add_notes(self, name: str, notes: Iterable[Note]) -> None:
        """Add the notes on a recording, each once."""
        self._summary.add(name, dict.fromkeys(notes))

    def add_channels(self, name: str, n_channels: int, segments: Sequence[Segment]) -> None:
        """Look for segments of channels that the recording does not have; all of them were mixed for those."""
        absent = sorted({s.channel for s in segments if s.channel and s.channel > n_channels})
        if absent:
            numbers = ", ".join(map(str, absent))
            self._mixed.append(f"{name} has {n_channels} channel(s), and its segments name channel {numbers}")

    def lines(self) -> Iterator[str]:
        """Yield one line for each kind of warning."""
        if self._short:
            yield (
                f"{_one_of(self._short)}: the model uses windows of {self._window_s:g} s, so "
                f"{'these predictions are' if self._short[1:] else 'the prediction is'} unreliable"
            )
        if self._mixed:
            yield f"{_one_of(self._mixed)}: those segments are answered from the mean of all channels"
        yield from self._summary.lines()


def _one_of(messages: list[str]) -> str:
    """Return the first warning, and the number of others."""
    return messages[0] + (f" (and {len(messages) - 1} more)" if messages[1:] else "")
