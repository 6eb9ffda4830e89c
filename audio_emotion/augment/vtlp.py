"""Another length of the vocal tract: the frequency axis of mel features warped.

Jaitly & Hinton 2013, "Vocal tract length perturbation (VTLP) improves speech recognition".
"""

from typing import TYPE_CHECKING, cast

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from torch import Tensor

    from audio_emotion.models.frontends import LogMelSpectrogram, MelMfcc


def warped_hz(hz: npt.NDArray[np.float64], factor: float, corner_hz: float, top_hz: float) -> npt.NDArray[np.float64]:
    """Return where a frequency moves to: times ``factor`` up to the corner, then straight on to ``top_hz``.

    The corner is ``corner_hz`` for factors above 1, and where ``corner_hz`` itself is reached for those below, so
    that 0 and ``top_hz`` stay where they are.

    >>> warped_hz(np.array([0.0, 1_000, 8_000]), 1.1, 4_800, 8_000).round().tolist()
    [0.0, 1100.0, 8000.0]
    """
    # result  top |            /       up to the corner the frequency is multiplied by the factor,
    #             |        _ /         then a straight line ends at (top, top)
    #             |     / corner
    #             |  /
    #           0 +------------- top
    corner = corner_hz * min(factor, 1) / factor
    return np.interp(hz, [0, corner, top_hz], [0, corner * factor, top_hz])


def warp(features: "Tensor", factors: "Tensor", frontend: "MelMfcc | LogMelSpectrogram", corner_hz: float) -> "Tensor":
    """Warp each clip's log-mel spectrogram by its factor, (batch,), and compute the MFCC, if there are any, from that.

    (batch, 1 or 2, n_mels, n_frames) → the same, before any normalisation: a coefficient of the MFCC is no frequency,
    and none can be made of bands whose mean is gone. A factor above 1 moves the spectrum up, as a shorter vocal tract
    does. Bands are interpolated linearly, in dB.
    """
    import torch

    config = frontend.config
    places = _places(factors.tolist(), config.n_mels, config.f_min, config.f_max, corner_hz)
    position = torch.from_numpy(places).to(features.device)[:, :, None].expand(-1, -1, features.shape[3])
    below = position.floor().long().clamp(0, config.n_mels - 2)
    log_mel = features[:, 0]
    moved = torch.lerp(log_mel.gather(1, below), log_mel.gather(1, below + 1), position - below)
    if features.shape[1] == 1:
        return moved[:, None]
    return torch.stack([moved, cast("MelMfcc", frontend).dct.T @ moved], dim=1)


def _places(factors: list[float], n_mels: int, f_min: float, f_max: float, corner_hz: float) -> npt.NDArray[np.float32]:
    """Return the band, as a fraction between two, that each band of a warped spectrogram takes after, (batch, n_mels).

    Frequencies move with their energy: band f of the result is what band g with ``warped_hz(g) = f`` was.
    """
    from librosa import mel_frequencies

    # The outermost two of n_mels + 2 are the edges of the lowest and the highest band.
    centres = mel_frequencies(n_mels + 2, fmin=f_min, fmax=f_max)[1:-1]
    places = [np.interp(centres, warped_hz(centres, factor, corner_hz, f_max), np.arange(n_mels)) for factor in factors]
    return np.asarray(places, np.float32)
