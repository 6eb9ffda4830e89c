"""A stored model → one file for other programs: waveform in, probabilities out, and a description of them.

ONNX in 32-bit floats, or with its large layers in 8-bit integers; ONNX Runtime's own format, which its builds for
phones read; and a program of ``torch.export``. The frontend's spectrogram stays in 32-bit floats in all of them.
"""

import json
import logging
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from audio_emotion.core.errors import ModelError, UsageError
from audio_emotion.core.types import FloatArray
from audio_emotion.export.int8 import write_int8
from audio_emotion.inference.backends.trim_padding import Margin
from audio_emotion.models import adaptation_file, checkpoint
from audio_emotion.models.checkpoint import ModelConfig

if TYPE_CHECKING:
    from onnx import ModelProto

OUTPUT = "probabilities"
SHIFT, SPEECH = "shift", "speech_probability"


@dataclass(frozen=True)
class Origin:
    """What a file is made of.

    Attributes:
        folder: the stored model.
        config: its description.
        speech: windows, or features, that set the scales of integers where the model has no such graph; maybe none.
    """

    folder: Path
    config: ModelConfig
    speech: FloatArray | None = None


def metadata(config: ModelConfig) -> dict[str, str]:
    """Return what every file says of itself, in strings: what goes in, and what comes out."""
    return {
        "model": config.name,
        "architecture": config.architecture,
        "labels": json.dumps(list(config.labels)),
        "input": "waveform" if config.graph == "waveform" else "features of librosa, as audio-emotion makes them",
        "sampling_rate": str(config.sampling_rate),
        "window_samples": str(config.window_samples),
        "temperature": f"{config.temperature:.6g}, applied already",
        "licence": str(config.training.get("licence", "unknown")),
        "package_version": config.package_version,
    }


def write(kind: str, origin: Origin, folder: Path) -> Path:
    """Write one of :data:`KINDS` into ``folder``; return the file.

    Raises:
        UsageError: no such kind, or the model cannot be had in it.
    """
    if kind not in KINDS:
        raise UsageError(f"unknown format {kind!r}; choose from {', '.join(KINDS)}")
    if origin.config.graph == "none" and kind != "torch":
        raise UsageError(f"the model {origin.config.name!r} is too large for an ONNX file; only 'torch' is available")
    name, make = _MAKERS[kind]
    make(origin, folder / name)
    return folder / name


def _onnx(origin: Origin, target: Path) -> None:
    _save(_finished(origin.folder / checkpoint.GRAPH, origin.config), target)


def _onnx_int8(origin: Origin, target: Path) -> None:
    if origin.config.int8:
        _save(_finished(origin.folder / checkpoint.INT8_GRAPH, origin.config), target)
        return
    if origin.speech is None:
        raise UsageError("8-bit integers need recordings to compute their scales; add some with --data")
    with tempfile.TemporaryDirectory() as temporary:
        graph = Path(temporary, checkpoint.INT8_GRAPH)
        write_int8(origin.folder / checkpoint.GRAPH, graph, origin.speech)
        if origin.config.adaptation:
            shutil.copy(origin.folder / checkpoint.ADAPTATION, temporary)
        _save(_finished(graph, origin.config), target)


def _ort(source: Callable[[Origin, Path], None]) -> Callable[[Origin, Path], None]:
    """Return what writes an ONNX variant in ONNX Runtime's own format, optimised for any processor."""

    def make(origin: Origin, target: Path) -> None:
        import onnxruntime

        with tempfile.TemporaryDirectory() as temporary:
            graph = Path(temporary, "model.onnx")
            source(origin, graph)
            options = onnxruntime.SessionOptions()
            options.log_severity_level = 3
            options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
            options.optimized_model_filepath = str(target)
            options.add_session_config_entry("session.save_model_format", "ORT")
            onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])

    return make


def _torch(origin: Origin, target: Path) -> None:
    import torch

    from audio_emotion.inference.backends.torch import load
    from audio_emotion.models.frontends.librosa_features import LibrosaMade

    config = origin.config
    weights = origin.folder / checkpoint.TENSORS
    model = load(weights, config.architecture, len(config.labels), config.parameters, config.frontend).eval()
    if isinstance(model.frontend, LibrosaMade):
        raise UsageError(f"librosa makes the features of {config.architecture}, outside torch; choose another format")

    shift = adaptation_file.read(origin.folder, config).shift if config.adaptation else None

    class Answering(torch.nn.Module):
        """Waveforms (batch, window_samples) → probabilities (batch, n_labels)."""

        shift: torch.Tensor | None

        def __init__(self) -> None:
            super().__init__()
            self.model = model
            self.register_buffer("shift", None if shift is None else torch.from_numpy(shift))

        def forward(self, samples: torch.Tensor) -> torch.Tensor:
            return torch.softmax(self.model.outputs(samples, self.shift).logits / config.temperature, dim=-1)

    example = torch.zeros(2, config.window_samples)
    logging.getLogger("torch").setLevel(logging.ERROR)
    program = torch.export.export(Answering().eval(), (example,), dynamic_shapes=({0: torch.export.Dim("batch")},))
    with target.open("wb") as file:
        torch.export.save(program, file, extra_files={f"{name}.txt": v for name, v in metadata(config).items()})


_MAKERS: Mapping[str, tuple[str, Callable[[Origin, Path], None]]] = {
    "onnx": ("model.onnx", _onnx),
    "onnx-int8": ("model.int8.onnx", _onnx_int8),
    "ort": ("model.ort", _ort(_onnx)),
    "ort-int8": ("model.int8.ort", _ort(_onnx_int8)),
    "torch": ("model.pt2", _torch),
}
KINDS = tuple(_MAKERS)


def plain_graph(graph: Path, config: ModelConfig, outputs: Sequence[str] = ("logits",)) -> "ModelProto":
    """Return a graph of a model folder with one input, and of its outputs those named alone.

    The shift of an adapted model becomes part of the graph.
    """
    import onnx

    model = onnx.load(graph)
    for output in [output for output in model.graph.output if output.name not in outputs]:
        model.graph.output.remove(output)
    for shift in [value for value in model.graph.input if value.name == SHIFT]:
        model.graph.input.remove(shift)
        own = adaptation_file.read(graph.parent, config).own_shift if config.adaptation else None
        for tensor in model.graph.initializer:
            if tensor.name == SHIFT and own is not None:
                tensor.CopyFrom(onnx.numpy_helper.from_array(own[None], SHIFT))
    return model


def _finished(graph: Path, config: ModelConfig) -> "ModelProto":
    """Return a graph that ends in probabilities and says what they mean."""
    from onnx import TensorProto, helper

    model = plain_graph(graph, config, ("logits", "speech"))
    logits = next(output for output in model.graph.output if output.name == "logits")
    del model.graph.output[:]
    scale = helper.make_tensor("temperature", TensorProto.FLOAT, [], [config.temperature])
    model.graph.initializer.append(scale)
    model.graph.node.extend(
        [
            helper.make_node("Div", [logits.name, "temperature"], ["scaled_logits"], name="scale"),
            helper.make_node("Softmax", ["scaled_logits"], [OUTPUT], name="softmax", axis=-1),
        ]
    )
    margin = {entry.key: entry.value for entry in model.metadata_props if entry.key.startswith("margin_")}
    n_windows, *window = model.graph.input[0].type.tensor_type.shape.dim
    if window[0].dim_param and not margin:
        window[0].dim_value = config.window_samples
    batch = n_windows.dim_param or "batch"
    model.graph.output.append(helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, [batch, len(config.labels)]))
    if config.speech_threshold is not None:
        model.graph.node.append(helper.make_node("Sigmoid", ["speech"], [SPEECH], name="sigmoid"))
        model.graph.output.append(helper.make_tensor_value_info(SPEECH, TensorProto.FLOAT, [batch]))
    model.doc_string = "Speech emotion recognition: a window in, the probability of each label out."
    opset = next(entry.version for entry in model.opset_import if not entry.domain)
    helper.set_model_props(model, metadata(config) | margin | {"opset": str(opset)})
    return model


def _save(model: "ModelProto", target: Path) -> None:
    import onnx

    onnx.checker.check_model(model)
    onnx.save(model, target)


def runner(file: Path) -> Callable[[FloatArray], FloatArray]:
    """Return what an exported file says of windows, (n, window_samples) → probabilities (n, n_labels), on one thread.

    Raises:
        ModelError: its input is not what the windows are.
    """
    if file.suffix == ".pt2":
        return _torch_runner(file)
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
    given = session.get_inputs()[0]
    step = Margin.of(session.get_modelmeta().custom_metadata_map).step  # of the lengths that it reads; 0: only one

    def run(windows: FloatArray) -> FloatArray:
        if windows.shape[1] % step if step else tuple(given.shape[1:]) != windows.shape[1:]:
            reads = f"multiples of {step} samples" if step else f"{tuple(given.shape[1:])}"
            raise ModelError(f"reads {reads}, got {windows.shape[1:]}", subject=str(file))
        found: FloatArray = session.run([OUTPUT], {given.name: windows})[0]
        return found

    return run


def _torch_runner(file: Path) -> Callable[[FloatArray], FloatArray]:
    import torch

    module = torch.export.load(file).module()

    @torch.inference_mode()
    def run(windows: FloatArray) -> FloatArray:
        found: FloatArray = module(torch.from_numpy(np.ascontiguousarray(windows))).numpy()
        return found

    return run
