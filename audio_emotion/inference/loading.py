"""A model's name → the loaded model: its folder, its back end and its device."""

import logging
import time
from pathlib import Path
from typing import Literal

from audio_emotion.core.errors import UsageError
from audio_emotion.inference.backends import Runtime, choose_device, onnx
from audio_emotion.inference.model import Model
from audio_emotion.models import adaptation_file, checkpoint
from audio_emotion.models.checkpoint import ModelConfig

_WEIGHTS = {"onnx": checkpoint.GRAPH, "onnx-int8": checkpoint.INT8_GRAPH, "torch": checkpoint.TENSORS}
"""The file of a model folder that each back end runs."""

BACKENDS = ("auto", *_WEIGHTS)

_LOG = logging.getLogger(__name__)


def load_model(
    name: str = checkpoint.DEFAULT,
    device: str = "auto",
    backend: Literal["auto", "onnx", "onnx-int8", "torch"] = "auto",
    threads: int | None = None,
) -> Model:
    """Load a model by name or path on ``auto``, ``cpu``, ``cuda`` or ``mps``.

    The backend ``auto`` is ONNX Runtime on a CPU, without importing torch; elsewhere, and for models without a graph,
    it is torch. ``onnx`` is the graph in 32-bit floats. ``onnx-int8`` is the graph in 8-bit integers: twice as fast,
    with scores that differ by a few hundredths; ``auto`` uses it where a model has it. Models whose features librosa
    computes take one to several seconds longer to start, because they import it. ``threads`` is the number of cores
    for ONNX Runtime; None: all.

    Raises:
        ModelError: no such model, or a file of its folder that is needed is missing or altered.
        DeviceError: no such device here.
        UsageError: no such backend, or a graph on another device than the CPU, or one that the model does not have.
    """
    if backend not in BACKENDS:
        raise UsageError(f"unknown backend {backend!r}; choose one of {', '.join(BACKENDS)}")
    is_graph = backend in ("onnx", "onnx-int8")
    device = choose_device("cpu" if is_graph and device == "auto" else device)
    if is_graph and device != "cpu":
        raise UsageError(f"the {backend} backend runs on the CPU, not on {device!r}; use --backend torch")
    began = time.monotonic()
    folder = checkpoint.find(name)
    config = checkpoint.read_config(folder)
    resolved = backend_for(config, device) if backend == "auto" else backend
    if backend != "auto" and _WEIGHTS[resolved] not in config.weight_files:
        raise UsageError(f"the model {config.name!r} has no {_WEIGHTS[resolved]}; use --backend auto")
    used = [_WEIGHTS[resolved], *([checkpoint.ADAPTATION] if config.adaptation else [])]
    checkpoint.check_files(folder, config, used)
    adaptation = adaptation_file.read(folder, config) if config.adaptation else None
    model = Model(config, _runtime(folder, config, device, resolved, threads), resolved, adaptation)
    if adaptation is not None and adaptation.shift is not None:
        model = model.with_shift(adaptation.shift)
    _LOG.debug(
        "model %s (%s) in %r, with %s on %s, loaded in %.0f ms",
        *(config.name, config.architecture, str(folder), resolved, device, 1000 * (time.monotonic() - began)),
    )
    return model


def backend_for(config: ModelConfig, device: str) -> str:
    """Return the backend that ``auto`` stands for with a model on a device."""
    if device != "cpu" or config.graph == "none":
        return "torch"
    return "onnx-int8" if config.int8 else "onnx"


def _runtime(folder: Path, config: ModelConfig, device: str, backend: str, threads: int | None) -> Runtime:
    weights = folder / _WEIGHTS[backend]
    if backend != "torch":
        return onnx.load(weights, config, threads)
    from audio_emotion.inference.backends.torch import TorchRuntime, load

    model = load(weights, config.architecture, len(config.labels), config.parameters, config.frontend)
    return TorchRuntime(model, device)
