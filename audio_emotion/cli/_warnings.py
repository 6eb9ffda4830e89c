"""Warnings of ``infer`` about recordings with unreliable predictions."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from audio_emotion.audio.find import FileList
from audio_emotion.audio.notes import SHORT_S, NoteSummary
from audio_emotion.audio.recordings import Recording
from audio_emotion.audio.segments import Segment
from audio_emotion.cli._messages import note
from audio_emotion.cli._request import Request
from audio_emotion.core.emotions import NO_SPEECH
from audio_emotion.core.paths import display_path
from audio_emotion.formats import Result
from audio_emotion.models.checkpoint import ModelConfig


def note_passed_over(recordings: FileList) -> None:
    """Name a file that was passed over in the folders of the recordings, and how many more there are."""
    for line in _passed_over(recordings):
        note(f"note: {line}")


def _passed_over(recordings: FileList) -> Iterator[str]:
    if passed_over := recordings.passed_over.count:
        more = f" and {passed_over - 1} more were" if passed_over > 1 else " was"
        first = display_path(recordings.passed_over.first)
        yield f"{first}{more} skipped: neither the name nor the content is that of a recording"


@dataclass(eq=False)
class InferWarnings:
    """Collects warnings: a single recording is named, several share one line.

    Attributes:
        config: the model's.
        request: what is predicted of each recording.
        is_text: whether results are written for people, who are warned of short recordings.
    """

    config: ModelConfig
    request: Request
    is_text: bool
    _short: list[str] = field(default_factory=list)
    _mixed: list[str] = field(default_factory=list)
    _summary: NoteSummary = field(default_factory=NoteSummary)

    def check(self, path: Path, recording: Recording, results: Sequence[Result]) -> None:
        """Look at a recording that has been predicted: how short it is, the notes on it, and its channels."""
        request, name = self.request, recording.name
        if self.is_text and not request.along_time and request.segments is None:
            self._short += [
                f"{name} is short, {p.end - p.start:.1f} s of sound"
                for p in (result.prediction for result in results)
                if p.end - p.start < SHORT_S and p.label != NO_SPEECH
            ]
        for result in results:
            if result.notes:
                self._summary.add(name, dict.fromkeys(result.notes))
        if request.segments is not None and request.channels == "mix":
            self._add_channels(name, recording.header.n_channels, request.segments[path])

    def _add_channels(self, name: str, n_channels: int, segments: Sequence[Segment]) -> None:
        """Look for segments of channels that the recording does not have; all of them were mixed for those."""
        absent = sorted({s.channel for s in segments if s.channel and s.channel > n_channels})
        if absent:
            numbers = ", ".join(map(str, absent))
            self._mixed.append(f"{name} has {n_channels} channel(s), and its segments name channel {numbers}")

    def lines(self, recordings: FileList) -> Iterator[str]:
        """Yield one line for each kind of warning, about the recordings and their folders."""
        yield from _passed_over(recordings)
        if self._short:
            window_s = self.config.window_samples / self.config.sampling_rate
            yield (
                f"{_one_of(self._short)}: the model uses windows of {window_s:g} s, so "
                f"{'these predictions are' if self._short[1:] else 'the prediction is'} unreliable"
            )
        if self._mixed:
            yield f"{_one_of(self._mixed)}: those segments are predicted from the mean of all channels"
        yield from self._summary.lines()


def _one_of(messages: list[str]) -> str:
    """Return the first warning, and the number of others."""
    return messages[0] + (f" (and {len(messages) - 1} more)" if messages[1:] else "")
