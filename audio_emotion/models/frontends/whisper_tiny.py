"""Sound → one of the first levels of Whisper tiny's encoder, frozen.

Radford et al. 2022, "Robust Speech Recognition via Large-Scale Weak Supervision"; the weights are those that Smart
Turn tuned to recognize the end of a turn in 23 languages, in 8-bit integers (``training/whisper_tiny.py`` reads them
from the wheel of ``pipecat-ai``, licences in ``audio_emotion/weights``). Differences to Whisper: a window is 3 s long
and takes the last positions of the 8 s that Smart Turn reads; frames of 30 ms take the place of 25 ms; a spectrogram is
measured from its loudest value, so that the level of a recording does not matter.
"""

from dataclasses import dataclass
from functools import cache
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from audio_emotion.core.errors import ModelError
from audio_emotion.core.paths import pretrained_weights
from audio_emotion.models.frontends.stft import LogMel, MelBands

NAME = "whisper-tiny"
_N_HEADS = 6
_N_LEVELS = 3
_STRIDE, _PAIR = 2, 2  # spectrogram frames behind one vector of the encoder, and vectors behind one of the output
_RANGE_DB, _SPEECH_RANGE_DB = 80.0, 50.0
_SCALE = ".scale"


@dataclass(frozen=True)
class WhisperTinyConfig:
    """What fixes the features.

    Attributes:
        n_levels: how many of the encoder's levels are computed, 1 to 3; of the last one its attention alone.
        sampling_rate: Hz; the encoder was trained on 16,000.
        n_fft: samples in a frame and in its window.
        hop: samples from one frame to the next.
    """

    n_levels: int = 3
    sampling_rate: int = 16_000
    n_fft: int = 480
    hop: int = 160

    n_mels: ClassVar[int] = 80
    f_min: ClassVar[float] = 0.0
    f_max: ClassVar[float] = 8_000.0


class WhisperTiny(nn.Module):
    """(batch, n_samples) → (batch, 1, 384, n_samples // (4 hop)): 40 ms a frame, 0 where nothing is loud enough.

    The weights are buffers that no model file holds: they come with the package, and nothing trains them. The training
    loop computes the features of each clip once, and keeps them on disk (``stored``).

    Raises:
        ModelError: the encoder has no such level, or a window is longer than its positions.
    """

    stored = True

    def __init__(self, config: WhisperTinyConfig) -> None:
        super().__init__()
        if not 1 <= config.n_levels <= _N_LEVELS:
            raise ModelError(f"whisper-tiny: n_levels is {config.n_levels}, expected 1 to {_N_LEVELS}")
        self.config = config
        bands = MelBands(config.n_mels, config.f_min, config.f_max)
        self.log_mel = LogMel(config.sampling_rate, config.n_fft, config.hop, bands, 1e-10)
        for name, tensor in _encoder(config.n_levels).items():
            self.register_buffer(name.replace(".", "_"), tensor, persistent=False)

    def rounded_weights(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """Return the encoder's weights in 8-bit integers (n_out, ...), each with its scales (n_out,)."""
        return [(tensors[0].numpy(), tensors[1].numpy()) for tensors in _rounded(self.config.n_levels).values()]

    @torch.no_grad()
    def forward(self, samples: Tensor) -> Tensor:
        return self.of_log_mel(self._spectrogram(samples))

    def of_log_mel(self, log_mel: Tensor, like: Tensor | None = None) -> Tensor:
        """Return the features of a log-mel spectrogram (batch, n_frames, n_mels) in dB.

        With ``like``, of the same shape, the loudest value and the loud frames are those of that one.
        """
        n_frames = log_mel.shape[1] // (_STRIDE * _PAIR) * _STRIDE * _PAIR  # without the last, which begins at the end
        log_mel = log_mel[:, :n_frames].transpose(1, 2)  # (B, n_mels, T)
        like = log_mel if like is None else like[:, :n_frames].transpose(1, 2)
        peak = like.amax(dim=(1, 2), keepdim=True)
        loudest = (like - peak).amax(dim=1, keepdim=True)
        loud = F.max_pool1d(loudest, _STRIDE * _PAIR) > -_SPEECH_RANGE_DB
        x = self._encode((log_mel - peak).clamp_min(-_RANGE_DB) / 40 + 1.5)
        return (F.avg_pool1d(x.transpose(1, 2), _PAIR) * loud)[:, None]

    def _spectrogram(self, samples: Tensor) -> Tensor:
        """Compute the spectrogram in 32-bit floats, whatever the encoder is computed in: (B, T, 80) in dB."""
        if not torch.is_autocast_enabled(samples.device.type):
            return self.log_mel(samples)  # type: ignore[no-any-return]
        with torch.autocast(samples.device.type, enabled=False):
            return self.log_mel(samples)  # type: ignore[no-any-return]

    def _encode(self, x: Tensor) -> Tensor:
        """Spectrogram (B, 80, T) in Whisper's range → (B, T / 2, 384)."""
        x = F.gelu(F.conv1d(x, *self._weights("conv1"), padding=1))
        x = F.gelu(F.conv1d(x, *self._weights("conv2"), stride=_STRIDE, padding=1)).transpose(1, 2)
        positions: Tensor = self.get_buffer("positions")
        if x.shape[1] > len(positions):
            raise ModelError(f"whisper-tiny: a window has {x.shape[1]} frames, expected at most {len(positions)}")
        x = x + positions[len(positions) - x.shape[1] :]
        for level in range(self.config.n_levels):
            x = x + self._attention(self._norm(x, level, "self_attn_layer_norm"), level)
            if level < self.config.n_levels - 1:
                hidden = F.gelu(self._linear(self._norm(x, level, "final_layer_norm"), level, "fc1"))
                x = x + self._linear(hidden, level, "fc2")
        return x

    def _attention(self, x: Tensor, level: int) -> Tensor:
        names = ("q_proj", "k_proj", "v_proj")
        parts = (torch.unflatten(self._linear(x, level, f"self_attn.{name}"), 2, (_N_HEADS, -1)) for name in names)
        query, key, value = (part.transpose(1, 2) for part in parts)  # (B, heads, T, D / heads) each
        x = F.scaled_dot_product_attention(query, key, value).transpose(1, 2).flatten(2)
        return self._linear(x, level, "self_attn.out_proj")

    def _norm(self, x: Tensor, level: int, name: str) -> Tensor:
        weight, bias = self._weights(f"layers.{level}.{name}")
        return F.layer_norm(x, (x.shape[2],), weight, bias)

    def _linear(self, x: Tensor, level: int, name: str) -> Tensor:
        return F.linear(x, *self._weights(f"layers.{level}.{name}"))

    def _weights(self, name: str) -> tuple[Tensor, Tensor | None]:
        """Return weight and bias of a part of the encoder; the projection to keys has no bias."""
        name = name.replace(".", "_")
        return self.get_buffer(f"{name}_weight"), getattr(self, f"{name}_bias", None)


@cache
def _encoder(n_levels: int) -> dict[str, Tensor]:
    """Return the weights that the first levels need in 32-bit floats, by Whisper's own names."""
    weights = {name: tensor for name, tensor in _read(n_levels).items() if not name.endswith(_SCALE)}
    weights = {name: tensor.to(torch.float32) for name, tensor in weights.items()}
    for name, (integers, scale) in _rounded(n_levels).items():  # one for each output channel
        weights[name] = integers.to(torch.float32) * scale.reshape(-1, *[1] * (integers.ndim - 1))
    return weights


def _rounded(n_levels: int) -> dict[str, tuple[Tensor, Tensor]]:
    """Return the weights that are stored in 8-bit integers, each with its scales."""
    tensors = _read(n_levels)
    return {name: (t, tensors[name + _SCALE]) for name, t in tensors.items() if name + _SCALE in tensors}


@cache
def _read(n_levels: int) -> dict[str, Tensor]:
    """Read what the first levels need, as it is stored."""
    from safetensors.torch import load_file

    tensors = load_file(pretrained_weights(NAME))
    last = f"layers.{n_levels - 1}."
    kept = [name for name in tensors if not name.startswith("layers.") or int(name.split(".")[1]) < n_levels]
    return {name: tensors[name] for name in kept if not name.startswith((f"{last}fc", f"{last}final"))}
