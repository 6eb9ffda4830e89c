"""The mel scale of plots, and of the bands that are attenuated to explain a prediction.

What models read has Slaney's scale, as librosa; see :mod:`audio_emotion.models.frontends`.
"""

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.float64]


def to_mel(hertz: npt.ArrayLike) -> Numbers:
    """Return O'Shaughnessy's mel scale.

    >>> round(float(to_mel(1000.0)))
    1000
    """
    return np.asarray(2595 * np.log10(1 + np.asarray(hertz, np.float64) / 700))


def to_hertz(mel: npt.ArrayLike) -> Numbers:
    """Return the frequencies of values on the mel scale.

    >>> round(float(to_hertz(to_mel(440.0))))
    440
    """
    return np.asarray(700 * (10 ** (np.asarray(mel, np.float64) / 2595) - 1))
