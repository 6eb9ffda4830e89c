"""Windows without most of the silence that a short sound stands in, where a graph's answer does not change by that."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Self

import numpy as np

from audio_emotion.core.types import FloatArray


@dataclass(frozen=True)
class Margin:
    """How much of the silence around a sound a graph has to read.

    Attributes:
        samples: what of it, on either side, can change an answer.
        step: a window begins and ends at a multiple of so many samples; 0: the graph reads whole windows alone.
    """

    samples: int = 0
    step: int = 0

    @classmethod
    def of(cls, metadata: Mapping[str, str]) -> Self:
        """Read what :meth:`told` wrote into a graph."""
        return cls(*(int(metadata.get(f"margin_{name}", "0")) for name in ("samples", "step")))

    def to_metadata(self) -> dict[str, str]:
        """Return this as a graph's metadata."""
        return {f"margin_{name}": str(value) for name, value in asdict(self).items()}

    def divides(self, window_samples: int) -> bool:
        """Return whether a window of that length may be made shorter."""
        return self.step > 0 and window_samples % self.step == 0

    def around(self, window: FloatArray) -> tuple[int, int]:
        """Return (start, end), in samples, of what has to be read of a window; all of one that holds no sound."""
        sound = window != 0
        start, end = int(sound.argmax()), len(window) - int(sound[::-1].argmax())
        if not sound[start]:
            return 0, len(window)
        before, after = max(0, start - self.samples), min(len(window), end + self.samples)
        return before // self.step * self.step, -(-after // self.step) * self.step


def shortened(windows: FloatArray, margin: Margin, run: Callable[[FloatArray], FloatArray]) -> FloatArray:
    """Run windows (batch, window_samples) without the silence that ``margin`` leaves out, equal lengths as one batch.

    What a window is answered does not depend on the others of its batch.
    """
    parts = [margin.around(window) for window in windows]
    lengths = np.array([end - start for start, end in parts])
    found: dict[int, FloatArray] = {}
    for length in sorted(set(lengths.tolist())):  # np.unique would import numpy.ma, a tenth of a cold start
        numbers = np.flatnonzero(lengths == length)
        answers = run(np.stack([windows[i, parts[i][0] : parts[i][1]] for i in numbers]))
        found.update(zip(numbers.tolist(), answers, strict=True))
    return np.stack([found[i] for i in range(len(windows))])
