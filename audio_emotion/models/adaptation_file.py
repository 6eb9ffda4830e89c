"""``adaptation.safetensors`` of a model folder: the vectors that adaptation needs.

It is a file of its own: an adapted model has the weights and the graphs of the model it was made from, byte for byte.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from audio_emotion.core.errors import ModelError, reason
from audio_emotion.core.types import FloatArray
from audio_emotion.models.checkpoint import ADAPTATION, ModelConfig


class Adaptation(NamedTuple):
    """The content of the file.

    Attributes:
        mean: of the pooled vectors of the training data, (n_pooled,).
        shift: what an adapted model adds to every pooled vector, (n_pooled,); None: the model is not adapted.
    """

    mean: FloatArray
    shift: FloatArray | None = None

    @property
    def own_shift(self) -> FloatArray:
        """The shift, (n_pooled,); zeros if the model is not adapted."""
        return np.zeros_like(self.mean) if self.shift is None else self.shift


def read(folder: Path, config: ModelConfig) -> Adaptation:
    """Read the file of a model folder.

    Raises:
        ModelError: the model cannot be adapted, or the file is damaged.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    if not config.adaptation:
        raise ModelError(
            f"model {config.name!r} cannot be adapted: it does not store the mean of its training data; "
            "use another model, or train it again with this version"
        )
    file = folder / ADAPTATION
    try:
        tensors = load_file(file)
        found = Adaptation(tensors["mean"], tensors.get("shift"))
    except (SafetensorError, OSError, KeyError) as error:
        raise ModelError(
            f"not readable ({reason(error)})", subject=str(file), hint="train or download the model again"
        ) from error
    vectors = [vector for vector in found if vector is not None]
    if len({vector.shape for vector in vectors}) != 1 or any(v.ndim != 1 or not np.isfinite(v).all() for v in vectors):
        raise ModelError(
            "expected finite vectors of one length", subject=str(file), hint="train or download the model again"
        )
    return found


def write(folder: Path, mean: FloatArray, shift: FloatArray | None = None) -> None:
    """Write the file into a model folder, before :func:`audio_emotion.models.checkpoint.write` states its checksum.

    Args:
        folder: the model folder.
        mean: of the pooled vectors of the training data, (n_pooled,).
        shift: what an adapted model adds to every pooled vector, (n_pooled,).
    """
    from safetensors.numpy import save_file

    vectors = {"mean": mean} | ({} if shift is None else {"shift": shift})
    save_file({name: np.ascontiguousarray(v, np.float32) for name, v in vectors.items()}, folder / ADAPTATION)
