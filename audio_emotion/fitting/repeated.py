"""Log-mel spectrograms of augmented utterances, kept: an epoch that sounds like an earlier one computes none."""

import numpy as np
import torch

from audio_emotion.augment.pipeline import Sounds
from audio_emotion.frontends import LogMelSpectrogram, MelMfcc
from audio_emotion.records import FloatArray, IntArray

LIMIT_BYTES = 2 * 2**30
"""How much a run keeps; with more utterances, epochs come back sooner."""


class Repeated:
    """What the network hears where an epoch sounds like the one ``after`` epochs before it.

    Each utterance's spectrogram in each of the first ``after`` epochs is computed by itself when it is first asked
    for, so that a run which goes on where another stopped has the same, and kept in 16-bit floats: 0.03 dB.

    Attributes:
        after: epochs, as many as memory has room for; 1 or less: too few to be worth it.
    """

    def __init__(self, sounds: Sounds, frontend: MelMfcc | LogMelSpectrogram, window: int, n: int, after: int) -> None:
        config = frontend.config
        spectrogram_bytes = 2 * config.n_mels * (1 + window // config.hop)
        self.after = min(after, LIMIT_BYTES // max(1, n * spectrogram_bytes))
        self._sounds, self._frontend = sounds, frontend
        self._kept: dict[tuple[int, int], np.ndarray] = {}

    def stack(self, epoch: int, numbers: IntArray) -> FloatArray:
        """Return the spectrograms of some utterances in dB, (len(numbers), n_frames, n_mels)."""
        return np.stack([self._one(epoch % self.after, int(index)) for index in numbers], dtype=np.float32)

    def features(self, log_mel: torch.Tensor) -> torch.Tensor:
        """Return what the frontend makes of spectrograms, (batch, channels, n_mels, n_frames)."""
        return self._frontend.of_log_mel(log_mel)

    def _one(self, epoch: int, index: int) -> np.ndarray:
        key = epoch, index
        if key not in self._kept:
            samples = torch.from_numpy(self._sounds.sound(epoch, index)[None])
            with torch.no_grad():
                heard = self._frontend.log_mel(samples.to(self._frontend.log_mel.bands.device))
            self._kept[key] = heard[0].half().cpu().numpy()
        return self._kept[key]
