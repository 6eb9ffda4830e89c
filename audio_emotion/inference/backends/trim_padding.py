"""Windows without most of the silence around a short sound, for graphs whose output does not depend on it."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Self

import numpy as np

from audio_emotion.core.types import FloatArray, IntArray


@dataclass(frozen=True)
class Margin:
    """How much silence around a sound a graph must read.

    Attributes:
        samples: silence on either side that can change the output.
        step: a window starts and ends at a multiple of this many samples; 0: the graph only reads whole windows.
    """

    samples: int = 0
    step: int = 0

    @classmethod
    def of(cls, metadata: Mapping[str, str]) -> Self:
        """Read what :meth:`to_metadata` wrote into a graph."""
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
        # window    0000000000|==sound==|00000000
        # needed        |margin|        |margin|     rounded outwards to multiples of `step`
        before, after = max(0, start - self.samples), min(len(window), end + self.samples)
        return before // self.step * self.step, -(-after // self.step) * self.step


def shortened(windows: FloatArray, margin: Margin) -> Iterator[tuple[IntArray, FloatArray]]:
    """Yield windows (batch, window_samples) without the silence that ``margin`` leaves out, one length at a time.

    Each item is the numbers of the windows, (n,), and the windows themselves, (n, length). A prediction does not depend
    on the other windows of a batch.
    """
    parts = [margin.around(window) for window in windows]
    lengths = np.array([end - start for start, end in parts])
    for length in sorted(set(lengths.tolist())):  # np.unique would import numpy.ma, a tenth of a cold start
        numbers = np.flatnonzero(lengths == length)
        yield numbers, np.stack([windows[i, parts[i][0] : parts[i][1]] for i in numbers])
