"""A trained model → the weight files of a model folder."""

import contextlib
import io
import logging
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from audio_emotion.inference.backends.trim_padding import Margin
from audio_emotion.models import checkpoint
from audio_emotion.models.emotion_model import EmotionModel
from audio_emotion.models.frontends.librosa_features import LibrosaMade

OPSET = 20
MAX_GRAPH_BYTES = 1_900_000_000
"""ONNX files are protocol buffers, which end at 2 GiB."""


def write_weights(model: EmotionModel, folder: Path, window_samples: int) -> None:
    """Write ``model.safetensors`` and, where it :func:`fits_a_graph`, ``model.onnx`` of a model into ``folder``.

    The model is moved to the CPU.
    """
    from safetensors.numpy import save_file

    model = model.cpu().eval()
    tensors = {name: np.ascontiguousarray(tensor.numpy()) for name, tensor in model.state_dict().items()}
    save_file(tensors, folder / checkpoint.TENSORS)
    if fits_a_graph(model):
        write_graph(model, folder / checkpoint.GRAPH, window_samples)


def fits_a_graph(model: EmotionModel) -> bool:
    """Tell whether a model's weights fit into one ONNX file; those of the largest pretrained encoders do not."""
    return sum(p.numel() * p.element_size() for p in model.parameters()) < MAX_GRAPH_BYTES


def write_graph(model: EmotionModel, path: Path, window_samples: int) -> None:
    """Write the whole model, waveform to logits, as one ONNX graph.

    Input ``samples`` (batch, window_samples) float32, output ``logits`` (batch, n_labels), any batch size. Where
    librosa makes the features, the graph begins behind it: input ``features`` (batch, 1, n_rows, n_frames). Where
    silence far from speech changes nothing (:meth:`EmotionModel.margin`), windows of other lengths may be given too,
    and the graph's metadata says which: :class:`audio_emotion.inference.backends.trim_padding.Margin`.
    """
    name, example = "samples", torch.zeros(2, window_samples)
    whole: nn.Module = model
    margin = Margin(*model.margin())
    sizes: dict[int, Any] = {0: torch.export.Dim("batch")}
    if margin.divides(window_samples):
        sizes[1] = margin.step * torch.export.Dim("steps", min=2)
    if isinstance(model.frontend, LibrosaMade):
        name, example = "features", model.frontend(example)
        whole = nn.Sequential(model.network.get_submodule("normalise"), model.network)
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        for talker in ("torch.onnx", "onnxscript"):
            logging.getLogger(talker).setLevel(logging.ERROR)
        program = torch.onnx.export(
            whole,
            (example,),
            dynamo=True,
            opset_version=OPSET,
            input_names=[name],
            output_names=["logits"],
            dynamic_shapes=(sizes,),
        )
        assert program is not None
        program.model.metadata_props.update(margin.to_metadata() if 1 in sizes else {})
        program.save(path, external_data=False)
