from pathlib import Path

import numpy as np
import pytest

from audio_emotion.export.weights import write_graph
from audio_emotion.inference.backends.onnx import OnnxRuntime
from audio_emotion.models import build
from tests.sounds import voice


def graph(folder: Path, window_samples: int) -> OnnxRuntime:
    model = build("speech-embedding", 8, {"n_blocks": 2}).eval()
    write_graph(model, folder / "model.onnx", window_samples)
    return OnnxRuntime(folder / "model.onnx")


@pytest.mark.parametrize(("window_samples", "may_vary"), [(24_000, True), (24_001, False)])
def test_a_window_that_no_step_divides_is_read_whole(tmp_path: Path, window_samples: int, may_vary: bool) -> None:
    runtime = graph(tmp_path, window_samples)
    assert runtime.input_shape == (None if may_vary else window_samples,)
    assert runtime.takes((window_samples,))
    assert not runtime.takes((window_samples + 2,))
    assert not runtime.takes((1, window_samples))
    short = np.pad(voice(0.5), (8_000, window_samples - 16_000))[None]
    assert np.isfinite(runtime.logits(short)).all()
