"""Descriptors of a frame to about unit size, whatever the recording level. B batch, R rows, T frames."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

MFCC_CENTRE = (0.0, 100.0, *[0.0] * 18)
"""For the first 20 coefficients, in librosa's units; the first layer learns the remaining mean."""

MFCC_SCALE = (150.0, 60.0, 40.0, 35.0, 30.0, 25.0, 20.0, *[15.0] * 13)


class DescriptorNorm(nn.Module):
    """(B, 1, R, T) from librosa → (B, 1, R, T) of about unit size; padding stays 0.

    What tells the recording level is made relative within the clip: the first cepstral coefficient to its mean over
    the clip, RMS in units of its own. All other rows hardly depend on it and keep their mean, which says much (the
    tilt of the spectrum rises with arousal); they are shifted and scaled by fixed numbers, round figures for
    speech, so that nothing is estimated from any recording.
    """

    def __init__(self, cepstral_level: int, rms: int, centre: Sequence[float], scale: Sequence[float]) -> None:
        super().__init__()
        self.cepstral_level, self.rms = cepstral_level, rms
        self.register_buffer("centre", torch.tensor(centre)[:, None], persistent=False)
        self.register_buffer("scale", torch.tensor(scale)[:, None], persistent=False)
        self.centre: Tensor  # (R, 1)
        self.scale: Tensor  # (R, 1)

    def forward(self, rows: Tensor) -> Tensor:
        frames = sounding(rows)  # (B, 1, 1, T)
        mean = (rows * frames).sum(dim=3, keepdim=True) / frames.sum(dim=3, keepdim=True).clamp_min(1)  # (B, 1, R, 1)
        index = torch.arange(rows.shape[2], device=rows.device)[:, None]
        rows = torch.where(index == self.cepstral_level, rows - mean, rows)
        rows = torch.where(index == self.rms, rows / mean.clamp_min(1e-8), rows)
        return (rows - self.centre) / self.scale * frames


def sounding(rows: Tensor) -> Tensor:
    """Mark the frames up to the last that is not 0 in every row, the rest being padding: (B, 1, R, T) → (B, 1, 1, T).

    Frames that augmentation set to 0 within a clip are not padding.
    """
    some = (rows.abs().amax(dim=2, keepdim=True) > 0).to(rows.dtype)
    number = torch.arange(1, rows.shape[3] + 1, device=rows.device, dtype=rows.dtype)
    return (number <= (some * number).amax(dim=3, keepdim=True)).to(rows.dtype)
