"""Utterances → sound: the one place where recordings of a corpus are decoded and told apart by their content."""

import hashlib
from collections.abc import Callable, Sequence
from typing import TypeVar

from audio_emotion import audio
from audio_emotion.core.errors import AudioError
from audio_emotion.core.types import FloatArray, Waveform
from audio_emotion.corpora.base import LeftOut, Progress, Utterance

SAMPLING_RATE = 16_000
"""Hz at which recordings are compared, measured and cut."""

T = TypeVar("T")

_TOLERANCE_S = 0.1  # by which a table's end may lie behind the recording's


def sound(utterance: Utterance, sampling_rate: int = SAMPLING_RATE) -> Waveform:
    """Decode an utterance at ``sampling_rate`` (Hz): its file, or the stretch of it that is meant.

    Raises:
        AudioError: the file cannot be decoded, or the stretch lies outside it.
    """
    whole = audio.load(utterance.path, sampling_rate)
    start, end = bounds(utterance, whole)
    return Waveform(whole.samples[start:end], sampling_rate, whole.source_rate) if utterance.is_segment else whole


def bounds(utterance: Utterance, whole: Waveform) -> tuple[int, int]:
    """Return the first sample of an utterance in its decoded file, and the one after its last.

    Raises:
        AudioError: the stretch lies outside the file.
    """
    if not utterance.is_segment:
        return 0, len(whole.samples)
    end = whole.duration if utterance.end is None else utterance.end
    if utterance.start >= whole.duration or end > whole.duration + _TOLERANCE_S:
        raise AudioError(
            f"the segment from {utterance.start:g} to {end:g} s lies outside the recording, "
            f"which lasts {whole.duration:g} s",
            subject=f"{utterance.path}",
        )
    start, stop = round(utterance.start * whole.sampling_rate), round(end * whole.sampling_rate)
    if not whole.samples[start:stop].size:
        raise AudioError(
            f"the segment from {utterance.start:g} to {end:g} s contains no sample", subject=f"{utterance.path}"
        )
    return start, min(stop, len(whole.samples))


def digest(samples: FloatArray) -> str:
    """Return what two utterances of the same sound have in common: the SHA-256 of decoded samples."""
    return hashlib.sha256(samples.tobytes()).hexdigest()


def made_of_each(
    utterances: Sequence[Utterance], make: Callable[[Utterance], T], stage: str, progress: Progress
) -> tuple[list[T], tuple[LeftOut, ...]]:
    """Return what ``make`` gives of each utterance, in order, and the files that it cannot decode.

    An :class:`~audio_emotion.core.errors.AudioError` touches no other utterance; ``progress`` is told after each.
    """
    made, unreadable = list[T](), []
    for done, utterance in enumerate(utterances, start=1):
        try:
            made.append(make(utterance))
        except AudioError as error:
            unreadable.append(LeftOut.unreadable(utterance.path, error))
        progress(stage, done, len(utterances), "")
    return made, tuple(unreadable)
