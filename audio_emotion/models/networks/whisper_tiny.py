"""A head for a frozen level of Whisper tiny: convolutions, attentive statistics over time, fully connected layers."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from audio_emotion.core.errors import ModelError
from audio_emotion.models.layers import AttentiveStatistics, PooledNetwork, speech_frames, speech_head

_WIDTH = 384
"""Of the encoder."""


@dataclass(frozen=True)
class WhisperTinyHeadConfig:
    """Sizes of the head.

    Attributes:
        width: channels of the convolutions, of one frame and of three.
        bottleneck: width of the pooling's attention.
        hidden: width of the fully connected layer.
        dropout: share of units dropped before and after it.
        n_members: how many networks of these sizes are side by side; see :func:`average`.
        speech_hidden: width of the head that decides whether a window contains speech; 0: there is no such head.
    """

    width: int = 256
    bottleneck: int = 64
    hidden: int = 128
    dropout: float = 0.4
    n_members: int = 1
    speech_hidden: int = 0


class WhisperTinyHead(PooledNetwork):
    """Frames of a frozen encoder (B, 1, 384, T), 0 outside speech → logits (B, n_labels)."""

    def __init__(self, config: WhisperTinyHeadConfig, n_labels: int) -> None:
        super().__init__()
        self.config = config
        if (n := config.n_members) < 1:
            raise ModelError(f"whisper-tiny: n_members is {n}, expected at least 1")
        width, hidden = n * config.width, n * config.hidden
        self.normalise = nn.Identity()
        self.norm = nn.BatchNorm1d(_WIDTH, affine=False)
        self.projection = nn.Conv1d(_WIDTH, width, 1)
        self.convolution = nn.Sequential(
            nn.BatchNorm1d(width), nn.GELU(), nn.Conv1d(width, width, 3, padding=1, groups=n)
        )
        self.pool = AttentiveStatistics(width, n * config.bottleneck, groups=n)
        self.head = nn.Sequential(
            nn.BatchNorm1d(2 * width),
            nn.Dropout(config.dropout),
            nn.Linear(2 * width, hidden, bias=False),
            nn.BatchNorm1d(hidden),
            nn.ReLU(),
            nn.Dropout(config.dropout),
            nn.Linear(hidden, n_labels),
        )
        if config.speech_hidden:
            self.speech = speech_head(2 * width, config.speech_hidden)

    def pooled(self, features: Tensor) -> Tensor:
        frames = speech_frames(features[:, 0])  # (B, 1, T)
        x = self.projection(self.norm(features[:, 0]))
        x = F.gelu(x + self.convolution(x))
        pooled: Tensor = self.pool(x, frames)
        return pooled


@torch.no_grad()
def average(members: Sequence[WhisperTinyHead]) -> WhisperTinyHead:
    """Return one network whose logits are the mean of the members' logits.

    The members, of equal sizes and labels, differ by their seed. Their channels stand side by side, member after
    member; no weight leads from one to another. Pooled vectors (B, 2 D) are means (B, D), then deviations (B, D), of
    all members' channels. The members' outputs for speech are left out.

    Raises:
        ValueError: a member is itself several networks, or has other sizes than the first.
    """
    first = members[0]
    config = replace(first.config, speech_hidden=0)
    if config.n_members != 1 or any(replace(m.config, speech_hidden=0) != config for m in members):
        raise ValueError("networks to average must be of equal sizes, with one member each")
    n_labels = len(first.head.state_dict()["6.bias"])
    network = WhisperTinyHead(replace(config, n_members=len(members)), n_labels).eval()
    states = [member.state_dict() for member in members]
    merged = network.state_dict()
    for name, target in merged.items():
        parts = [state[name] for state in states]
        if name.startswith("norm.") or not target.ndim:  # one for all, see below; or a count of batches
            target.copy_(parts[0])
        elif name.startswith("head.0."):  # each member's means and deviations → all means, all deviations
            target.copy_(torch.stack([part.view(2, -1) for part in parts], dim=1).flatten())
        elif name == "head.6.weight":
            target.copy_(torch.cat(parts, dim=1) / len(parts))
        elif name == "head.6.bias":
            target.copy_(torch.stack(parts).mean(dim=0))
        elif name == "head.2.weight":
            _fill_blocks(target, parts)
        else:
            target.copy_(torch.cat(parts))
    for i, state in enumerate(states):
        rows = slice(i * config.width, (i + 1) * config.width)
        _as_normalised_by(states[0], state, merged["projection.weight"][rows], merged["projection.bias"][rows])
    network.load_state_dict(merged)
    return network


def _fill_blocks(target: Tensor, parts: Sequence[Tensor]) -> None:
    """Write the layers that read pooled vectors, (hidden, 2 width) each, into one, (n hidden, 2 n width).

    It is written through a view: member i reads its own channels alone, among the means and among the deviations.
    """
    target.zero_()
    n, (hidden, n_pooled) = len(parts), parts[0].shape
    blocks = target.view(n, hidden, 2, n, n_pooled // 2)
    for i, part in enumerate(parts):
        blocks[i, :, :, i] = part.view(hidden, 2, n_pooled // 2)


def _as_normalised_by(common: dict[str, Tensor], own: dict[str, Tensor], weight: Tensor, bias: Tensor) -> None:
    """Change a projection that reads frames normalised by ``own`` so that it reads those normalised by ``common``."""
    (mean, deviation), (own_mean, own_deviation) = _statistics(common), _statistics(own)
    bias += weight[:, :, 0] @ ((mean - own_mean) / own_deviation)
    weight *= (deviation / own_deviation)[None, :, None]


def _statistics(state: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
    """Return the mean and the standard deviation that a network normalises frames by, (384,) each."""
    return state["norm.running_mean"], (state["norm.running_var"] + nn.BatchNorm1d(1).eps).sqrt()
