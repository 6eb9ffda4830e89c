from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import numpy_helper

from audio_emotion.core.types import FloatArray
from audio_emotion.export.packing import pack, unpack
from audio_emotion.export.weights import write_graph, write_weights
from audio_emotion.inference.backends.torch import load
from audio_emotion.models import build, checkpoint
from tests.conftest import ROOT


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a graph whose encoder is stored in integers."""
    target = tmp_path_factory.mktemp("packed") / "model.onnx"
    write_graph(build("whisper-tiny", 6).eval(), target, 48_000)
    return target


def kinds(graph: onnx.GraphProto) -> dict[str, int]:
    return {tensor.name: tensor.data_type for tensor in graph.initializer}


def logits(model: onnx.ModelProto, windows: FloatArray) -> FloatArray:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    found: FloatArray = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    ).run(["logits"], {"samples": windows})[0]
    return found


def test_the_encoder_is_stored_in_integers_and_what_was_trained_in_floats(graph: Path) -> None:
    stored = kinds(onnx.load(graph).graph)
    integers = [name for name, kind in stored.items() if kind == onnx.TensorProto.INT8]
    assert len(integers) == 18  # two convolutions, four products for each of three levels, two more for two of them
    assert all(stored[name] == onnx.TensorProto.FLOAT for name in stored if name.startswith("network."))
    assert graph.stat().st_size < 8_500_000, "in floats: 22 million"


def test_a_packed_graph_computes_the_same_to_the_last_bit(graph: Path) -> None:
    packed, plain = onnx.load(graph), onnx.load(graph)
    unpack(plain.graph)
    assert onnx.TensorProto.INT8 not in kinds(plain.graph).values()
    assert len(plain.graph.node) == len(packed.graph.node) - 2 * 18
    windows = np.random.default_rng(0).standard_normal((2, 48_000)).astype(np.float32)
    assert np.array_equal(logits(packed, windows), logits(plain, windows))


def test_what_was_rounded_to_16_bits_is_stored_so(tmp_path: Path) -> None:
    model = build("whisper-tiny", 6).eval()
    with torch.no_grad():
        for parameter in model.network.parameters():
            parameter.copy_(parameter.half())
    write_weights(model, tmp_path, 48_000)
    packed, plain = onnx.load(tmp_path / checkpoint.GRAPH), onnx.load(tmp_path / checkpoint.GRAPH)
    halves = [name for name, kind in kinds(packed.graph).items() if kind == onnx.TensorProto.FLOAT16]
    assert "network.convolution.2.weight.half" in halves
    unpack(plain.graph)
    assert onnx.TensorProto.FLOAT16 not in kinds(plain.graph).values()
    windows = np.random.default_rng(0).standard_normal((2, 48_000)).astype(np.float32)
    assert np.array_equal(logits(packed, windows), logits(plain, windows))
    sizes = model.sizes, model.frontend_config
    loaded = load(tmp_path / checkpoint.TENSORS, "whisper-tiny", 6, *sizes).state_dict()
    assert all(torch.equal(tensor, loaded[name]) for name, tensor in model.state_dict().items())
    assert (tmp_path / checkpoint.TENSORS).stat().st_size < 0.6 * sum(4 * t.numel() for t in loaded.values())


def test_weights_that_are_no_such_product_stay_as_they_are() -> None:
    rng = np.random.default_rng(0)
    integers, scale = rng.integers(-127, 128, (3, 4)).astype(np.int8), rng.random(3).astype(np.float32)
    product = integers * scale[:, None]
    arrays = {"same": product, "transposed": product.T, "nearly": np.nextafter(product, 9), "other": product[:2]}
    graph = onnx.helper.make_graph([], "graph", [], [], [numpy_helper.from_array(a, n) for n, a in arrays.items()])
    pack(graph, [(integers, scale)])
    assert {name for name, kind in kinds(graph).items() if kind == onnx.TensorProto.INT8} == {
        "same.integers",
        "transposed.integers",
    }
    unpack(graph)
    assert {tensor.name: numpy_helper.to_array(tensor).tolist() for tensor in graph.initializer} == {
        name: array.tolist() for name, array in arrays.items()
    }


def test_no_bundled_graph_names_files_of_the_machine_that_exported_it() -> None:
    for graph in (ROOT / "audio_emotion" / "weights").glob("*/*.onnx"):
        assert b"/audio_emotion/" not in graph.read_bytes(), graph
