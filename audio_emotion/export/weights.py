"""A trained model → the weight files of a model folder."""

import contextlib
import io
import logging
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from audio_emotion.export.packing import is_half, pack
from audio_emotion.inference.backends.trim_padding import Margin
from audio_emotion.models import checkpoint
from audio_emotion.models.emotion_model import EmotionModel, outputs_of
from audio_emotion.models.frontends.librosa_features import LibrosaMade
from audio_emotion.models.frontends.whisper_tiny import WhisperTiny
from audio_emotion.models.layers import PooledNetwork

if TYPE_CHECKING:
    from onnx import ModelProto

OPSET = 20
SHIFT = "shift"
MAX_GRAPH_BYTES = 1_900_000_000
"""ONNX files are protocol buffers, which end at 2 GiB."""


def write_weights(model: EmotionModel, folder: Path, window_samples: int) -> None:
    """Write ``model.safetensors`` and, where it :func:`fits_a_graph`, ``model.onnx`` of a model into ``folder``.

    The model is moved to the CPU.
    """
    from safetensors.numpy import save_file

    model = model.cpu().eval()
    tensors = {name: _in_few_bits(tensor.numpy()) for name, tensor in model.state_dict().items()}
    save_file(tensors, folder / checkpoint.TENSORS)
    if fits_a_graph(model):
        write_graph(model, folder / checkpoint.GRAPH, window_samples)


def _in_few_bits(array: np.ndarray) -> np.ndarray:
    """Return a tensor as it is stored: in 16-bit floats if it is a large one that was rounded to them."""
    return np.ascontiguousarray(array.astype(np.float16) if array.dtype == np.float32 and is_half(array) else array)


def fits_a_graph(model: EmotionModel) -> bool:
    """Whether a model's weights fit into one ONNX file; those of the largest pretrained encoders do not."""
    return sum(p.numel() * p.element_size() for p in model.parameters()) < MAX_GRAPH_BYTES


def write_graph(model: EmotionModel, path: Path, window_samples: int) -> None:
    """Write the whole model, waveform to logits, as one ONNX graph.

    Input ``samples`` (batch, window_samples) float32, output ``logits`` (batch, n_labels), any batch size. Where
    librosa makes the features, the graph begins behind it: input ``features`` (batch, 1, n_rows, n_frames). Where
    silence far from speech changes nothing (:meth:`EmotionModel.margin`), windows of other lengths may be given too,
    and the graph's metadata says which: :class:`audio_emotion.inference.backends.trim_padding.Margin`.

    A :class:`~audio_emotion.models.layers.PooledNetwork` also has the output ``pooled`` (batch, n_pooled), where it
    decides what is speech the output ``speech`` (batch,), and the optional input ``shift``: (1, n_pooled), or a row for
    each window; zeros by default. It is added to ``pooled`` for the logits alone.
    """
    made_outside = isinstance(model.frontend, LibrosaMade)
    name, example = "samples", torch.zeros(2, window_samples)
    margin = Margin(*model.margin())
    sizes: dict[int, Any] = {0: torch.export.Dim("batch")}
    if margin.divides(window_samples):
        sizes[1] = margin.step * torch.export.Dim("steps", min=2)
    if made_outside:
        name, example = "features", model.frontend(example)
    whole = _Exported(model, made_outside)
    with torch.inference_mode():
        computed = whole(example, None)
    inputs, examples, dimensions = [name], [example], [sizes]
    if "pooled" in whole.names:
        inputs.append(SHIFT)
        examples.append(torch.zeros(1, computed[1].shape[1]))
        dimensions.append({})
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        for talker in ("torch.onnx", "onnxscript"):
            logging.getLogger(talker).setLevel(logging.ERROR)
        program = torch.onnx.export(
            whole,
            tuple(examples),
            dynamo=True,
            opset_version=OPSET,
            input_names=inputs,
            output_names=whole.names,
            dynamic_shapes=tuple(dimensions),
        )
        assert program is not None
        for node in program.model.graph.all_nodes():
            node.metadata_props.clear()  # stack traces, with paths of the machine that exports
        program.model.metadata_props.update(margin.to_metadata() if 1 in sizes else {})
        program.save(path, external_data=False)
    _finish(path, model)


class _Exported(nn.Module):
    """A module with the outputs of ``names``."""

    def __init__(self, model: EmotionModel, made_outside: bool) -> None:
        super().__init__()
        self.frontend = nn.Identity() if made_outside else model.frontend
        self.network = model.network
        optional = ("pooled", "speech") if getattr(model.network, "speech", None) is not None else ("pooled",)
        self.names = ["logits", *(optional if isinstance(model.network, PooledNetwork) else ())]

    def forward(self, given: Tensor, shift: Tensor | None = None) -> tuple[Tensor, ...]:
        features = self.network.get_submodule("normalise")(self.frontend(given))
        return tuple(output for output in outputs_of(self.network, features, shift) if output is not None)


def _finish(path: Path, model: EmotionModel) -> None:
    """Make a graph's input ``shift`` optional, and store weights that were rounded before in few bits."""
    import onnx

    whole = onnx.load(path)
    if any(value.name == SHIFT for value in whole.graph.input):
        _make_optional(whole)
    pack(whole.graph, model.frontend.rounded_weights() if isinstance(model.frontend, WhisperTiny) else ())
    onnx.save(whole, path)


def _make_optional(model: "ModelProto") -> None:
    """Give a graph's input ``shift`` a default of zeros, and let it have a row for each window."""
    import onnx

    (shift,) = (value for value in model.graph.input if value.name == SHIFT)
    rows, width = shift.type.tensor_type.shape.dim
    model.graph.initializer.append(onnx.numpy_helper.from_array(np.zeros((1, width.dim_value), np.float32), SHIFT))
    rows.dim_param = "rows"
