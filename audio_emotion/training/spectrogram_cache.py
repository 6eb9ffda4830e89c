"""Log-mel spectrograms of augmented utterances, on disk: an epoch that repeats an earlier one computes none."""

from copy import deepcopy

import numpy as np
import torch

from audio_emotion.audio.cache import ScratchArrays
from audio_emotion.augment.pipeline import Sounds
from audio_emotion.core.types import FloatArray
from audio_emotion.models.frontends import LogMelSpectrogram, MelMfcc

LIMIT_BYTES = 2 * 2**30
"""How much of the disk a run may take; if the epochs need more, no spectrogram is kept and no epoch repeats another."""


def needed_bytes(frontend: MelMfcc | LogMelSpectrogram, window_samples: int, n_utterances: int, n_epochs: int) -> int:
    """Return the space on disk that the spectrograms of some epochs take."""
    config = frontend.config
    return 2 * config.n_mels * (1 + window_samples // config.hop) * n_utterances * n_epochs


class SpectrogramCache:
    """The input of epochs that repeat the one ``after`` epochs earlier.

    Each utterance's spectrogram in each of the first ``after`` epochs is computed on the CPU when it is first needed,
    so a resumed run has the same. It is stored as 16-bit floats, accurate to 0.03 dB. Each of several processes stores
    what it reads, which is another share in every epoch.
    """

    def __init__(self, sounds: Sounds, frontend: MelMfcc | LogMelSpectrogram, after: int) -> None:
        self._sounds, self._frontend, self._after = sounds, frontend, after
        self._here = deepcopy(frontend).cpu()
        self._kept = ScratchArrays()

    def spectrogram(self, epoch: int, index: int) -> FloatArray:
        """Return the spectrogram of an utterance in dB, (n_frames, n_mels), as half-precision floats."""
        spectrogram: FloatArray = self._stored(epoch % self._after, index)
        return spectrogram

    def features(self, log_mel: torch.Tensor) -> torch.Tensor:
        """Return what the frontend makes of spectrograms, (batch, channels, n_mels, n_frames)."""
        return self._frontend.of_log_mel(log_mel)

    def _stored(self, epoch: int, index: int) -> np.ndarray:
        key = epoch, index
        if key not in self._kept:
            samples = torch.from_numpy(self._sounds.sound(epoch, index)[None])
            with torch.no_grad():
                self._kept[key] = self._here.log_mel(samples)[0].half().numpy()
        return self._kept[key]
