"""Transfer from a small network that was pretrained on much speech: Google's speech embedding, 0.3 million parameters.

Source: Lin et al. 2020, "Training Keyword Spotters with Limited and Synthesized Speech Data" (arXiv 2002.01322),
whose network tells 5,000 keywords apart; its weights are those that openWakeWord 0.5.1 ships
(``training/speech_embedding.py``), licence in ``audio_emotion/weights``. Kept: its first blocks, convolutions over
three bins or three frames in turn, every one followed by a leaky rectifier that ends at -0.4. Chosen here: convolutions
over time are padded, so that frames stay where they are; each clip is normalised by itself, then brought to the level
and spread that the pretrained network knows; attentive statistics over time and fully connected layers follow.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from audio_emotion.core.errors import ModelError
from audio_emotion.core.paths import pretrained_weights
from audio_emotion.models.frontends.log_mel import NarrowLogMel
from audio_emotion.models.layers import AttentiveStatistics, LogMelNorm, PooledNetwork, speech_frames, speech_head

_WIDTHS = (24, 48, 72, 96)
_POOLS = ((2, 2), (2, 1), (2, 2))
_SLOPE, _LOWEST = 0.2, -0.4
_MEAN, _DEVIATION, _SILENCE = 7.7, 1.5, 1.0
"""Scale of the pretrained network's input, tenths of dB above -20 dB re 1 for 16-bit samples: means over RAVDESS."""


@dataclass(frozen=True)
class SpeechEmbeddingConfig:
    """Sizes of the network.

    Attributes:
        n_blocks: how many of the pretrained network's blocks are kept, 1 to 4.
        bottleneck: width of the pooling's attention.
        hidden: width of the fully connected layer.
        dropout: share of units dropped before and after it.
        tune_from: the first block, from 0, that is trained; those before it stay as they were pretrained.
        pretrained: whether a new network begins with the pretrained weights, or with random ones.
        n_bins: how many mel bands the frontend has, 8 or more; the network was pretrained on 32 up to 3.8 kHz, and 40
            up to 6.64 kHz, its ``f_max``, lie as close together.
        speech_hidden: width of the head that decides whether a window contains speech; 0: there is no such head.
    """

    n_blocks: int = 4
    bottleneck: int = 64
    hidden: int = 128
    dropout: float = 0.3
    tune_from: int = 0
    pretrained: bool = True
    n_bins: int = 32
    speech_hidden: int = 0


class SpeechEmbedding(PooledNetwork):
    """Normalised log-mel spectrograms (B, 1, n_bins, T) → logits (B, n_labels)."""

    def __init__(self, config: SpeechEmbeddingConfig, n_labels: int) -> None:
        super().__init__()
        _check(config)
        self.normalise = LogMelNorm()
        self.blocks = nn.Sequential(*_blocks(config.n_blocks))
        if config.pretrained:
            self.blocks.load_state_dict(pretrained(config.n_blocks))
        self.blocks[: config.tune_from].requires_grad_(False)
        self.n_bins = config.n_bins
        pools = _POOLS[: config.n_blocks - 1]
        self.frames_in_one = 2 ** sum(over_time == 2 for _, over_time in pools)
        width = _WIDTHS[config.n_blocks - 1] * (config.n_bins >> len(pools))
        self.norm = nn.BatchNorm1d(width)
        self.pool = AttentiveStatistics(width, config.bottleneck)
        self.head = nn.Sequential(
            nn.BatchNorm1d(2 * width),
            nn.Dropout(config.dropout),
            nn.Linear(2 * width, config.hidden, bias=False),
            nn.BatchNorm1d(config.hidden),
            nn.ReLU(),
            nn.Dropout(config.dropout),
            nn.Linear(config.hidden, n_labels),
        )
        if config.speech_hidden:
            self.speech = speech_head(2 * width, config.speech_hidden)

    def pooled(self, features: Tensor) -> Tensor:
        if features.shape[2] != self.n_bins:
            raise ModelError(
                f"speech-embedding: the frontend has {features.shape[2]} mel bands, expected {self.n_bins}; "
                "n_bins and the frontend's n_mels go together"
            )
        x = self.norm(self.blocks(self.rescale(features)).flatten(1, 2))  # (B, C * F / 8, T / 4)
        frames = F.max_pool1d(speech_frames(features[:, 0]), self.frames_in_one)
        pooled: Tensor = self.pool(x, frames)
        return pooled

    def margin(self, frontend: NarrowLogMel) -> tuple[int, int]:
        """Return how far silence around speech reaches into the output, and the hop of one output, in samples.

        Each block has two convolutions of three frames; a frame of the output is read where speech is in any of the
        frames that it was pooled from, and the frontend's frames reach beyond their middle.
        """
        strides = np.cumprod([1, *(over_time for _, over_time in _POOLS)])[: len(self.blocks)]
        frames = 2 * int(strides.sum()) + self.frames_in_one - 1
        hop = frontend.config.hop
        return frames * hop + frontend.config.n_fft // 2, self.frames_in_one * hop

    def rescale(self, features: Tensor) -> Tensor:
        """Bring speech to the level and spread that the pretrained network knows, all else to silence: same shape."""
        frames = speech_frames(features[:, 0])[:, None]  # (B, 1, 1, T)
        return torch.where(frames > 0, features * _DEVIATION + _MEAN, _SILENCE)


def _check(config: SpeechEmbeddingConfig) -> None:
    if not 1 <= config.n_blocks <= len(_WIDTHS):
        raise ModelError(f"speech-embedding: n_blocks is {config.n_blocks}, expected 1 to {len(_WIDTHS)}")
    if not 0 <= config.tune_from <= config.n_blocks:
        raise ModelError(f"speech-embedding: tune_from is {config.tune_from}, expected 0 to {config.n_blocks}")
    if config.speech_hidden < 0:
        raise ModelError(f"speech-embedding: speech_hidden is {config.speech_hidden}, expected 0 or more")
    if config.n_bins < 8:
        raise ModelError(f"speech-embedding: n_bins is {config.n_bins}, expected 8 or more")


class Rectifier(nn.Module):
    """Leaky ReLU with slope 0.2, limited to -0.4 from below."""

    def forward(self, x: Tensor) -> Tensor:
        x = F.leaky_relu(x, _SLOPE)
        if self.training:  # the same, and its gradient is one pass over memory, not several
            return F.threshold(x, _LOWEST, _LOWEST)
        return x.clamp_min(_LOWEST)


def _blocks(n: int) -> Iterator[nn.Module]:
    """Yield the first blocks: convolutions over bins and over frames in turn, then pooling but for the last."""
    n_in = 1
    for number, width in enumerate(_WIDTHS[:n]):
        kernels = ((3, 3), (3, 1), (1, 3)) if number == 0 else ((3, 1), (1, 3)) * 2
        layers: list[nn.Module] = []
        for kernel in kernels:
            padding = kernel[0] // 2, kernel[1] // 2
            layers += [nn.Conv2d(n_in, width, kernel, padding=padding), Rectifier()]
            n_in = width
        yield nn.Sequential(*layers, *([nn.MaxPool2d(_POOLS[number])] if number < n - 1 else []))


def pretrained(n_blocks: int) -> dict[str, Tensor]:
    """Return the weights of the first blocks, by the names that they have in :class:`SpeechEmbedding`'s ``blocks``."""
    from safetensors.torch import load_file

    tensors = load_file(pretrained_weights("speech-embedding"))
    return {name: t.to(torch.float32) for name, t in tensors.items() if int(name.split(".")[0]) < n_blocks}
