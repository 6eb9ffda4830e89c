"""Transfer from an encoder of speech that was pretrained without labels: wav2vec 2.0, HuBERT or WavLM.

Source: the encoders of Baevski et al. 2020, Hsu et al. 2021 and Chen et al. 2022, as Hugging Face's ``transformers``
(extra ``wav2vec2``) builds them, from any checkpoint's name or a local folder; a mean over all its layers with learnt
weights (Yang et al. 2021, SUPERB), and attentive statistics over time. The encoder is frozen, or trained from one of
its layers on; its convolutions always stay as they were. Left open by that, and chosen here: each clip is brought to
zero mean and unit variance over its own samples, padding stays 0 and only pooling leaves it out (as the base
checkpoints were pretrained); the encoder's own masking and layer drop are off, since they draw from global generators.

A name is looked for on this machine first, and downloaded once if it is not here. A stored model needs neither: its
parameters hold the whole description of the encoder, its tensors all weights; encoders of about 475 million
parameters and more are too large for an ONNX file, and run with torch alone.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from audio_emotion.core.errors import ModelError, PackageError
from audio_emotion.core.packages import install_command
from audio_emotion.models.layers import AttentiveStatistics, PooledNetwork

_OFF = {"layerdrop": 0.0, "apply_spec_augment": False, "mask_time_prob": 0.0, "mask_feature_prob": 0.0}


@dataclass(frozen=True)
class Wav2Vec2Config:
    """The pretrained encoder, and the sizes of the layers on top of it.

    Attributes:
        checkpoint: name on the Hugging Face hub, or a local folder; not read where ``encoder`` is given.
        encoder: transformers' own description of the encoder. Given: built from it, with random weights until a
            model folder's are loaded. Empty: the checkpoint's, which is then stored here.
        tune_from: the first of the encoder's layers, from 0, that is trained; None: the encoder is frozen.
        bottleneck: width of the pooling's attention.
        hidden: width of the fully connected layer.
        dropout: share of units dropped before and after it.
        gradient_checkpointing: whether activations are computed twice to need less memory.
    """

    checkpoint: str = "facebook/wav2vec2-base"
    encoder: Mapping[str, Any] = field(default_factory=dict)
    tune_from: int | None = None
    bottleneck: int = 64
    hidden: int = 256
    dropout: float = 0.2
    gradient_checkpointing: bool = False


class SoundNorm(nn.Module):
    """Zero mean and unit variance over a clip's own samples: (B, 1, 1, N) → (B, 1, 1, N), padding stays 0."""

    def forward(self, samples: Tensor) -> Tensor:
        own = (samples != 0).to(samples.dtype)
        n = own.sum(dim=3, keepdim=True).clamp_min(1)
        mean = samples.sum(dim=3, keepdim=True) / n
        variance = ((samples - mean).square() * own).sum(dim=3, keepdim=True) / n
        return (samples - mean) * torch.rsqrt(variance + 1e-7) * own


class Wav2Vec2(PooledNetwork):
    """Normalised samples (B, 1, 1, N) → logits (B, n_labels).

    Attributes:
        config: the sizes, the encoder's description among them.
    """

    def __init__(self, config: Wav2Vec2Config, n_labels: int) -> None:
        super().__init__()
        self.normalise = SoundNorm()
        self.encoder = _encoder(config)
        described = json.loads(self.encoder.config.to_json_string(use_diff=False))
        self.config = replace(config, encoder=described)
        self.stride = math.prod(described["conv_stride"])  # samples a frame
        width, n_layers = described["hidden_size"], described["num_hidden_layers"]
        self.layer_weights = nn.Parameter(torch.zeros(n_layers + 1))
        self.pool = AttentiveStatistics(width, config.bottleneck)
        self.head = nn.Sequential(
            nn.Dropout(config.dropout),
            nn.Linear(2 * width, config.hidden),
            nn.GELU(),
            nn.Dropout(config.dropout),
            nn.Linear(config.hidden, n_labels),
        )
        self._freeze()

    def pooled(self, features: Tensor) -> Tensor:
        samples = features[:, 0, 0]  # (B, N)
        layers = torch.stack(self.encoder(samples, output_hidden_states=True).hidden_states)  # (layers + 1, B, T, C)
        mixed = (layers * self.layer_weights.softmax(dim=0)[:, None, None, None]).sum(dim=0)  # (B, T, C)
        frames = F.max_pool1d((samples != 0).to(mixed.dtype)[:, None], self.stride)[:, :, : mixed.shape[1]]  # (B, 1, T)
        pooled: Tensor = self.pool(mixed.transpose(1, 2), frames)
        return pooled

    def train(self, mode: bool = True) -> "Wav2Vec2":
        """Change to training, or evaluation; a frozen encoder drops nothing in either."""
        super().train(mode)
        if self.config.tune_from is None:
            self.encoder.eval()
        return self

    def _freeze(self) -> None:
        """Leave a gradient to the layers from ``tune_from`` on and, from 0, to what leads to them."""
        layers, first = self.encoder.encoder.layers, self.config.tune_from
        if first is not None and not 0 <= first < len(layers):
            raise ModelError(f"wav2vec2: tune_from is {first}, and the encoder has layers 0 to {len(layers) - 1}")
        self.encoder.requires_grad_(first == 0)
        self.encoder.feature_extractor.requires_grad_(False)
        if first is not None:
            layers[first:].requires_grad_(True)


def _encoder(config: Wav2Vec2Config) -> Any:
    """Return the encoder, with its pretrained weights or, from a description, with random ones.

    Raises:
        PackageError: transformers is not installed.
        ModelError: there is no such checkpoint, or not of such an encoder.
    """
    try:
        import transformers
    except ImportError as error:
        raise PackageError(f"wav2vec2 needs transformers; run: {install_command('wav2vec2')}") from error
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    if config.encoder:
        described = {"model_type": "wav2vec2", **config.encoder, **_OFF}
        encoder = transformers.AutoModel.from_config(transformers.AutoConfig.for_model(**described))
    else:
        encoder = _pretrained(transformers.AutoModel, config.checkpoint)
    if not hasattr(encoder, "feature_extractor") or not hasattr(encoder.config, "conv_stride"):
        raise ModelError(f"wav2vec2: {config.checkpoint!r} is {type(encoder).__name__}, expected an encoder of sound")
    if config.gradient_checkpointing:
        encoder.gradient_checkpointing_enable({"use_reentrant": False})
    return encoder


def _pretrained(auto: Any, checkpoint: str) -> Any:
    """Look on this machine first, so that a downloaded checkpoint needs no network."""
    try:
        return auto.from_pretrained(checkpoint, local_files_only=True, **_OFF)
    except (OSError, ValueError):
        pass
    try:
        return auto.from_pretrained(checkpoint, **_OFF)
    except (OSError, ValueError) as error:
        reason = " ".join(str(error).split())[:200]
        raise ModelError(
            f"wav2vec2: no encoder {checkpoint!r}, neither on this machine nor on the hub ({reason}); "
            "set parameters.checkpoint to a name or a folder"
        ) from error
