"""The values that pass between rooms: frozen dataclasses of plain parts."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, overload

import numpy as np
import numpy.typing as npt

from audio_emotion.core.errors import PackageError
from audio_emotion.core.paths import encodable

if TYPE_CHECKING:
    from pandas import DataFrame

FloatArray = npt.NDArray[np.float32]
"""Samples, windows, features or logits: always float32."""

IntArray = npt.NDArray[np.int64]
"""Indices of utterances or labels."""


@dataclass(frozen=True, slots=True, eq=False)
class Waveform:
    """Mono samples with their rate.

    Attributes:
        samples: (n_samples,) float32, full scale at ±1.
        sampling_rate: Hz.
        source_rate: Hz, what the recording had before it was resampled.
        start: seconds from the beginning of the recording to the first sample.
    """

    samples: FloatArray
    sampling_rate: int
    source_rate: int
    start: float = 0.0

    @property
    def duration(self) -> float:
        """Length in seconds."""
        return len(self.samples) / self.sampling_rate

    def __repr__(self) -> str:
        return f"Waveform({self.duration:.2f} s, {len(self.samples)} samples at {self.sampling_rate} Hz)"


@dataclass(frozen=True, slots=True, repr=False)
class Prediction:
    """The emotion of a recording, or of one segment of it.

    >>> Prediction(0.0, 2.5, "sad", 0.75, {"happy": 0.25, "sad": 0.75})
    Prediction('sad', 0.75, 0.00-2.50 s)

    Attributes:
        start: seconds from the beginning of the recording.
        end: seconds from the beginning of the recording.
        label: one of the model's labels, ``no speech``, or ``unknown`` if no label reached the minimum confidence.
        score: the label's probability, 0 to 1 (for ``unknown``, the highest one); 0 for ``no speech``.
        scores: the probability of every label, in the model's order; all 0 for ``no speech``.
        n_windows: number of the model's windows that held speech and were averaged.
        channel: counted from 1; None: the mean of all channels.
    """

    start: float
    end: float
    label: str
    score: float
    scores: Mapping[str, float]
    n_windows: int = 1
    channel: int | None = None

    def __repr__(self) -> str:
        channel = "" if self.channel is None else f", channel {self.channel}"
        return f"Prediction({self.label!r}, {self.score:.2f}, {self.start:.2f}-{self.end:.2f} s{channel})"

    def to_dict(self) -> dict[str, Any]:
        """Return the form that ``infer --json`` writes, without the file, the model and the device.

        ``start`` and ``end`` are rounded to milliseconds; ``channel`` is there only if one channel was selected.

        >>> Prediction(0.0, 2.5, "sad", 0.75, {"happy": 0.25, "sad": 0.75}).to_dict()
        {'start': 0.0, 'end': 2.5, 'label': 'sad', 'score': 0.75, 'scores': {'happy': 0.25, 'sad': 0.75}}
        """
        channel = {} if self.channel is None else {"channel": self.channel}
        return channel | {
            "start": round(self.start, 3),
            "end": round(self.end, 3),
            "label": self.label,
            "score": self.score,
            "scores": dict(self.scores),
        }

    def to_json(self, indent: int | None = None) -> str:
        """Return :meth:`to_dict` as JSON."""
        return json.dumps(self.to_dict(), indent=indent, ensure_ascii=False)


@dataclass(frozen=True, slots=True, repr=False)
class Turn(Prediction):
    """A prediction for one speaker's turn in a conversation.

    Attributes:
        speaker: who speaks; empty if unknown.
        text: the words; empty if unknown.
        overlap_s: seconds of the turn in which another turn sounds on the same channel; the prediction is of both.
        timeline: predictions over the turn's time, if it is longer than the model's window; else empty.
    """

    speaker: str = ""
    text: str = ""
    overlap_s: float = 0.0
    timeline: tuple[Prediction, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return the form of :meth:`Prediction.to_dict` with speaker, text, overlap and timeline, if there are any.

        >>> list(Turn(0.0, 2.5, "sad", 1.0, {"sad": 1.0}, speaker="Ann", overlap_s=0.5).to_dict())
        ['speaker', 'overlap', 'start', 'end', 'label', 'score', 'scores']
        """
        content: dict[str, Any] = {} if self.channel is None else {"channel": self.channel}
        about = {"speaker": encodable(self.speaker), "text": encodable(self.text), "overlap": self.overlap_s}
        content |= {name: value for name, value in about.items() if value}
        content |= Prediction.to_dict(self)  # super() does not work in a dataclass with slots
        return content | ({"timeline": [part.to_dict() for part in self.timeline]} if self.timeline else {})


@dataclass(frozen=True, slots=True, repr=False)
class Timeline(Sequence[Prediction]):
    """Emotion over time: a sequence of segments, and one prediction for all of them.

    >>> segment = Prediction(0.0, 2.0, "sad", 0.75, {"happy": 0.25, "sad": 0.75})
    >>> timeline = Timeline(segment, (segment,))
    >>> timeline
    Timeline(1 segment, 0.00-2.00 s, 'sad' 0.75)
    >>> [segment.label for segment in timeline]
    ['sad']

    Attributes:
        prediction: the mean of the segments' scores, weighted by their duration.
        segments: in the order of their start, without gaps.
    """

    prediction: Prediction
    segments: tuple[Prediction, ...]

    def __repr__(self) -> str:
        n, whole = len(self.segments), self.prediction
        count = f"{n} segment{'' if n == 1 else 's'}"
        return f"Timeline({count}, {whole.start:.2f}-{whole.end:.2f} s, {whole.label!r} {whole.score:.2f})"

    def __iter__(self) -> Iterator[Prediction]:
        return iter(self.segments)

    def __len__(self) -> int:
        return len(self.segments)

    @overload
    def __getitem__(self, index: int) -> Prediction: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Prediction, ...]: ...
    def __getitem__(self, index: int | slice) -> Prediction | tuple[Prediction, ...]:
        return self.segments[index]

    def to_dict(self) -> dict[str, Any]:
        """Return the prediction's form with a list of ``segments``, as ``infer --timeline --json`` writes it."""
        return self.prediction.to_dict() | {"segments": [segment.to_dict() for segment in self.segments]}

    def to_json(self, indent: int | None = None) -> str:
        """Return :meth:`to_dict` as JSON."""
        return json.dumps(self.to_dict(), indent=indent, ensure_ascii=False)

    def to_dataframe(self) -> "DataFrame":
        """Return a pandas DataFrame: a row for each segment, a column for each label's probability.

        Raises:
            PackageError: pandas is not installed.
        """
        return to_dataframe(self.segments)


def to_dataframe(predictions: Sequence[Prediction]) -> "DataFrame":
    """Return a pandas DataFrame with the columns start, end, label, score, and one for each label.

    Raises:
        PackageError: pandas is not installed.
    """
    try:
        import pandas as pd
    except ImportError as error:
        raise PackageError("a DataFrame needs pandas, which is not installed; run: pip install pandas") from error
    rows = [prediction.to_dict() for prediction in predictions]
    return pd.DataFrame([{name: row[name] for name in row if name != "scores"} | row["scores"] for row in rows])
