from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

from audio_emotion.core import paths
from audio_emotion.core.types import FloatArray
from audio_emotion.export.int8 import write_int8
from audio_emotion.export.weights import write_weights
from audio_emotion.inference.backends.onnx import OnnxRuntime
from audio_emotion.inference.backends.trim_padding import Margin
from audio_emotion.models import build, checkpoint
from tests.sounds import voice


@pytest.fixture(scope="module")
def windows() -> FloatArray:
    return np.stack([voice(3.0, seed=seed) for seed in range(20)])


@pytest.fixture(scope="module")
def integers(windows: FloatArray, tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("graph") / checkpoint.INT8_GRAPH
    write_int8(paths.bundled_model_dir() / checkpoint.GRAPH, target, windows)
    return target


def test_every_layer_between_the_first_and_the_pooling_and_nothing_else_is_in_integers(integers: Path) -> None:
    graph = onnx.load(integers).graph
    kinds = {value.name: value.data_type for value in graph.initializer}
    made_of = {output: node for node in graph.node for output in node.output}
    first, *layers = [node for node in graph.node if node.op_type == "Conv"]
    head = [node for node in graph.node if node.op_type == "Gemm"]  # a shift moves what it reads out of any range
    assert sorted(node.input[1] for node in head) == [
        *(f"network.{layer}.weight" for layer in ("head.2", "head.6", "speech.1", "speech.3")),
    ]
    for name in (node.input[1] for node in (first, *head)):
        cast = made_of.get(name)  # of weights that are stored in 16 bits
        assert cast is None or cast.op_type == "Cast"
        assert kinds[cast.input[0] if cast else name] in (onnx.TensorProto.FLOAT, onnx.TensorProto.FLOAT16)
    products = [node for node in graph.node if node.op_type == "MatMul"]
    encoder = [node for node in products if made_of.get(node.input[1], node).op_type == "DequantizeLinear"]
    assert (len(layers), len(encoder)) == (5, 16)
    for node in (*layers, *encoder):
        source = made_of[node.input[1]]  # the weights' DequantizeLinear
        assert kinds[source.input[0]] == onnx.TensorProto.INT8
    others = [node for node in products if node not in encoder]  # the spectrum, and frames with each other: attention
    assert len(others) == 10
    for name in (name for node in others for name in node.input):
        assert name not in made_of or made_of[name].op_type != "DequantizeLinear"


def test_weights_leave_room_for_the_sum_of_two_products(integers: Path) -> None:
    weights = [
        onnx.numpy_helper.to_array(value)
        for value in onnx.load(integers).graph.initializer
        if value.data_type == onnx.TensorProto.INT8
    ]
    assert max(abs(tensor.astype(int)).max() for tensor in weights) <= 64


def test_it_says_nearly_the_same(integers: Path, windows: FloatArray) -> None:
    floats = OnnxRuntime(paths.bundled_model_dir() / checkpoint.GRAPH).logits(windows)
    small = OnnxRuntime(integers).logits(windows)
    assert small.shape == floats.shape
    assert 0 < np.abs(small - floats).max() < 0.2 * np.ptp(floats)


def test_the_quantizer_is_silent(windows: FloatArray, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    write_int8(paths.bundled_model_dir() / checkpoint.GRAPH, tmp_path / "graph.onnx", windows[:2])
    assert capfd.readouterr() == ("", "")


def test_a_cut_from_below_is_left_to_the_integers_that_end_there(tmp_path: Path, windows: FloatArray) -> None:
    """Nothing of a network with such cuts is computed in floats between two convolutions."""
    model = build("speech-embedding", 8)
    write_weights(model, tmp_path, 48_000)
    write_int8(tmp_path / checkpoint.GRAPH, tmp_path / checkpoint.INT8_GRAPH, windows)
    plain, integers = (onnx.load(tmp_path / name).graph.node for name in (checkpoint.GRAPH, checkpoint.INT8_GRAPH))
    n_rectifiers = sum(node.op_type == "LeakyRelu" for node in integers)
    assert n_rectifiers == 15
    assert sum(n.op_type == "Clip" for n in plain) - sum(n.op_type == "Clip" for n in integers) >= n_rectifiers - 1
    floats, small = (OnnxRuntime(tmp_path / name).logits(windows) for name in (checkpoint.GRAPH, checkpoint.INT8_GRAPH))
    assert np.abs(small - floats).max() < 0.3 * np.ptp(floats)


def test_less_silence_is_read_around_a_sound_than_would_change_nothing(tmp_path: Path, windows: FloatArray) -> None:
    """What that changes is less than what the integers do, in a network whose windows may be shortened."""
    torch.manual_seed(0)
    write_weights(build("speech-embedding", 8), tmp_path, 48_000)
    graph, integers = tmp_path / checkpoint.GRAPH, tmp_path / checkpoint.INT8_GRAPH
    write_int8(graph, integers, windows)
    exact, narrow = (
        Margin.of({entry.key: entry.value for entry in onnx.load(path).metadata_props}) for path in (graph, integers)
    )
    assert 0 < narrow.samples < exact.samples
    assert narrow.step == exact.step
    model = onnx.load(integers)
    onnx.helper.set_model_props(model, exact.to_metadata())
    wide = integers.with_name("wide.onnx")
    onnx.save(model, wide)
    short = windows.copy()
    short[:, :9_000] = short[:, -14_000:] = 0
    floats, small, as_exact = (OnnxRuntime(path).logits(short) for path in (graph, integers, wide))
    assert 0 < np.abs(small - as_exact).max() < np.abs(small - floats).max()
