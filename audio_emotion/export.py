"""A trained model → the weight files of a model folder."""

import contextlib
import io
import logging
import warnings
from pathlib import Path

import numpy as np
import torch

from audio_emotion import checkpoint
from audio_emotion.models.emotion_model import EmotionModel

OPSET = 20


def write_weights(model: EmotionModel, folder: Path, window_samples: int) -> None:
    """Write ``model.safetensors`` and ``model.onnx`` of a model on the CPU into ``folder``."""
    from safetensors.numpy import save_file

    model = model.cpu().eval()
    tensors = {name: np.ascontiguousarray(tensor.numpy()) for name, tensor in model.state_dict().items()}
    save_file(tensors, folder / checkpoint.TENSORS)
    write_graph(model, folder / checkpoint.GRAPH, window_samples)


def write_graph(model: EmotionModel, path: Path, window_samples: int) -> None:
    """Write the whole model, waveform to logits, as one ONNX graph.

    Input ``samples`` (batch, window_samples) float32, output ``logits`` (batch, n_labels), any batch size.
    """
    example = torch.zeros(2, window_samples)
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        logging.getLogger("torch.onnx").setLevel(logging.ERROR)
        program = torch.onnx.export(
            model,
            (example,),
            dynamo=True,
            opset_version=OPSET,
            input_names=["samples"],
            output_names=["logits"],
            dynamic_shapes={"samples": {0: torch.export.Dim("batch")}},
        )
        assert program is not None
        program.save(path, external_data=False)
