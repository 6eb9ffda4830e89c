import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from audio_emotion.core.errors import ModelError, PackageError, UsageError
from audio_emotion.export.weights import write_weights
from audio_emotion.inference.loading import load_model
from audio_emotion.models import build, checkpoint
from audio_emotion.models.checkpoint import ModelConfig
from tests.sounds import voice

transformers = pytest.importorskip("transformers")

TINY = {
    "hidden_size": 16,
    "num_hidden_layers": 3,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "conv_dim": [16, 16, 16],
    "conv_stride": [5, 4, 4],
    "conv_kernel": [10, 4, 4],
    "num_feat_extract_layers": 3,
    "num_conv_pos_embeddings": 16,
    "num_conv_pos_embedding_groups": 2,
}
KINDS = ("Wav2Vec2", "Hubert", "WavLM")


def encoder_folder(folder: Path, kind: str = "Wav2Vec2") -> Path:
    torch.manual_seed(0)
    transformers.AutoModel.from_config(getattr(transformers, f"{kind}Config")(**TINY)).save_pretrained(folder)
    return folder


def windows(n: int = 2) -> torch.Tensor:
    clips = [voice(0.6 + 0.1 * i, seed=i) for i in range(n)]
    return torch.from_numpy(np.stack([np.pad(clip, (200, 15_800 - len(clip))) for clip in clips]))


@pytest.mark.parametrize("kind", KINDS)
def test_a_stored_model_needs_no_checkpoint_and_answers_the_same(kind: str, tmp_path: Path):
    source = encoder_folder(tmp_path / "encoder", kind)
    model = build("wav2vec2", 8, {"checkpoint": str(source)}).eval()
    pretrained = transformers.AutoModel.from_pretrained(source).state_dict()
    for name, tensor in model.network.encoder.state_dict().items():
        assert torch.equal(tensor, pretrained[name])
    shutil.rmtree(source)
    sizes = json.loads(json.dumps(model.sizes))
    assert sizes["encoder"]["model_type"] == kind.lower()
    again = build("wav2vec2", 8, sizes).eval()
    again.load_state_dict(model.state_dict())
    with torch.no_grad():
        assert torch.equal(again(windows()), model(windows()))


@pytest.mark.parametrize(("tune_from", "checkpointing"), [(None, False), (0, False), (1, True)])
def test_only_what_is_to_be_trained_gets_a_gradient(tune_from: int | None, checkpointing: bool, tmp_path: Path):
    parameters = {"encoder": TINY, "tune_from": tune_from, "gradient_checkpointing": checkpointing}
    network = build("wav2vec2", 8, parameters).train().network
    assert network.encoder.training == (tune_from is not None)
    network(windows()[:, None, None]).square().sum().backward()
    trained = {name for name, p in network.named_parameters() if p.grad is not None and p.grad.abs().sum()}
    of_encoder = {name.removeprefix("encoder.") for name in trained if name.startswith("encoder.")}
    layers = {int(name.split(".")[2]) for name in of_encoder if name.startswith("encoder.layers.")}
    assert layers == (set() if tune_from is None else set(range(tune_from, 3)))
    others = {name.split(".")[0] for name in of_encoder if not name.startswith("encoder.layers.")}
    assert others == ({"encoder", "feature_projection"} if tune_from == 0 else set())
    assert {"layer_weights", "head.1.weight", "head.4.bias"} <= trained


def test_level_and_place_hardly_matter_and_silence_is_finite(tmp_path: Path):
    model = build("wav2vec2", 8, {"encoder": TINY}).eval()
    with torch.no_grad():
        torch.testing.assert_close(model(windows() / 2), model(windows()), atol=1e-3, rtol=0)
        assert model(torch.zeros(1, 16_000)).isfinite().all()


def test_what_is_no_encoder_of_sound_is_one_clear_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(ModelError, match=r"no encoder '.*nowhere', neither on this machine nor on the hub"):
        build("wav2vec2", 8, {"checkpoint": str(tmp_path / "nowhere")})
    with pytest.raises(ModelError, match="tune_from is 3, and the encoder has layers 0 to 2"):
        build("wav2vec2", 8, {"encoder": TINY, "tune_from": 3})


def test_without_transformers_one_line_names_the_command(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(PackageError, match=r"pip install 'audio-emotion\[wav2vec2\]'"):
        build("wav2vec2", 8, {"encoder": TINY})


def test_a_model_too_large_for_a_graph_runs_with_torch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("audio_emotion.export.weights.MAX_GRAPH_BYTES", 1)
    model = build("wav2vec2", 2, {"encoder": TINY})
    write_weights(model, tmp_path, 16_000)
    described = ModelConfig(
        "large", "wav2vec2", model.sizes, model.frontend_config, ("sad", "happy"), 16_000, 16_000, 1.0, "0", "none"
    )
    checkpoint.write(tmp_path, described, "")
    assert not (tmp_path / "model.onnx").exists()
    said = load_model(str(tmp_path), "cpu").predict(voice(1.0), 16_000)
    assert set(said.scores) == {"sad", "happy"}
    with pytest.raises(UsageError, match=r"has no model\.onnx"):
        load_model(str(tmp_path), "cpu", "onnx")
