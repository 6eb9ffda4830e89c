import json
import re
import shlex
from pathlib import Path

import pytest
import soundfile
import torch
from safetensors.torch import load_file
from typer.testing import CliRunner

from audio_emotion.cli import app
from audio_emotion.core.emotions import emotions
from audio_emotion.core.errors import ModelError, UsageError
from audio_emotion.corpora.sources import gather, parse_sources
from audio_emotion.evaluation.evaluate import evaluate_utterances
from audio_emotion.evaluation.report import Report
from audio_emotion.inference.loading import load_model
from audio_emotion.models import checkpoint
from audio_emotion.training import TrainConfig
from audio_emotion.training.config import from_table
from audio_emotion.training.fine_tuning import begin, freeze
from audio_emotion.training.job import DataOptions
from audio_emotion.training.train import train
from tests.conftest import ROOT
from tests.sounds import RATE, voice

LABELS = ("neutral", "happy", "angry")
HEAD = ("network.head.6.weight", "network.head.6.bias")


def make_folders(folder: Path) -> Path:
    """Two clips of each of three labels by each of three speakers."""
    for place, label in enumerate(LABELS):
        for speaker in ("anna", "ben", "carla"):
            for take in range(2):
                path = folder / label / speaker / f"{take}.wav"
                path.parent.mkdir(parents=True, exist_ok=True)
                clip = voice(0.7, seed=100 * place + 10 * take + len(speaker), pitch_hz=90.0 + 40 * place)
                soundfile.write(path, clip, RATE)
    return folder


def test_a_model_settles_what_it_is_and_few_clips_the_rest():
    origin = checkpoint.read_config(checkpoint.find("default"))
    config = from_table({"origin": "default", "parameters": {"dropout": 0.4}, "optimizer": {"weight_decay": 0.5}})
    assert (config.architecture, config.rate, config.window_samples) == (
        origin.architecture,
        origin.sampling_rate,
        origin.window_samples,
    )
    assert config.parameters == {**origin.parameters, "dropout": 0.4}
    assert (config.epochs, config.patience, config.optimizer.lr) == (20, 0, 5e-4)
    assert config.optimizer.weight_decay == 0.5
    told = from_table({"origin": "default", "epochs": 3, "patience": 2, "optimizer": {"lr": 0.1}})
    assert (told.epochs, told.patience, told.optimizer.lr) == (3, 2, 0.1)
    assert from_table({"epochs": 3}) == TrainConfig(epochs=3), "nothing else is touched"


def test_what_contradicts_the_model_is_refused_at_once():
    table = {
        "origin": "default",
        "architecture": "acnt",
        "sampling_rate": 8_000,
        "window_s": 2.0,
        "parameters": {"hidden": 7},
        "frontend": {"hop": 128},
        "epochs": 0,
    }
    with pytest.raises(UsageError) as told:
        from_table(table)
    for key in ("architecture", "sampling_rate", "window_s", "parameters.hidden", "frontend.hop"):
        assert f"{key} is " in str(told.value)
    assert "epochs is 0" in str(told.value)
    with pytest.raises(UsageError, match="freeze is given without an origin"):
        from_table({"freeze": ["stem"]})
    with pytest.raises(UsageError, match="origin: no model 'absent'"):
        from_table({"origin": "absent"})


def test_weights_are_taken_over_but_for_a_new_head():
    stored = load_file(checkpoint.find("default") / checkpoint.TENSORS)
    config = from_table({"origin": "default"})
    model, taken = begin(config, emotions())
    assert taken.new == ()
    assert all(torch.equal(tensor, stored[name].reshape(tensor.shape)) for name, tensor in model.state_dict().items())
    model, taken = begin(config, emotions()[::-1])
    assert set(taken.new) == set(HEAD), "another order of labels is another head"
    model, taken = begin(config, LABELS)
    assert set(taken.new) == set(HEAD)
    assert taken.n_taken == len(stored) - 2
    state = model.state_dict()
    assert all(torch.equal(state[name], stored[name].reshape(state[name].shape)) for name in stored if name not in HEAD)
    assert state[HEAD[0]].shape[0] == 3
    assert taken.rows == LABELS
    rows = [emotions().index(label) for label in LABELS]
    assert all(torch.equal(state[name], stored[name][rows]) for name in HEAD), "what the model knows of a label stays"
    model, taken = begin(config, ("bored", "happy"))
    state = model.state_dict()
    assert taken.rows == ("happy",)
    assert torch.equal(state[HEAD[0]][1], stored[HEAD[0]][emotions().index("happy")])
    assert not any(torch.equal(state[HEAD[0]][0], row) for row in stored[HEAD[0]])
    object.__setattr__(config, "window_s", 1.0)
    with pytest.raises(ModelError, match=r"window_samples 16000 .*from_table"):
        begin(config, LABELS)


def test_frozen_layers_stay_and_their_batch_norms_are_still():
    model, taken = begin(from_table({"origin": "default", "freeze": ["convolution.[02]", "pool"]}), LABELS)
    model.train()
    assert not model.network.convolution[0].training
    assert model.network.head[3].training, "what is not frozen learns its statistics"
    frozen = {name for name, p in model.named_parameters() if not p.requires_grad}
    assert frozen == set(taken.frozen)
    assert {name.split(".")[1] for name in frozen} == {"convolution", "pool"}
    for patterns, problem in (
        (["blocs"], "'blocs' matches no layer; there are: projection, convolution, pool, head, speech"),
        (["head"], "is new, since the labels differ"),
        (["*"], "is new|nothing is left"),
    ):
        with pytest.raises(UsageError, match=problem):
            begin(from_table({"origin": "default", "freeze": patterns}), LABELS)
    with pytest.raises(UsageError, match="nothing is left to be trained"):
        freeze(model, ["*"])


def test_a_fine_tuned_model_says_what_it_was_made_from(home: Path, tmp_path: Path, make_ravdess):
    folder = make_folders(tmp_path / "own")
    config = from_table({"origin": "default", "epochs": 1, "freeze": ["convolution"], "augment": {}})
    trained = train(DataOptions((str(folder),), labels=",".join(LABELS), split="all"), name="mine", config=config)
    before, after = (load_file(f / checkpoint.TENSORS) for f in (checkpoint.find("default"), trained.folder))
    still = [name for name in before if name.startswith("network.convolution.")]
    assert still
    assert all(torch.equal(before[name], after[name]) for name in still), "running statistics too"
    assert not torch.equal(before["network.projection.weight"], after["network.projection.weight"])

    origin, described = (checkpoint.read(f) for f in (checkpoint.find("default"), trained.folder))
    training = described.training
    assert training["from"]["sha256"] == origin.sha256[checkpoint.TENSORS]
    assert training["from"]["speakers"] == origin.training["speakers"]
    assert set(training["from"]["new"]) == set(HEAD)
    assert {"ravdess/01", "own/anna"} <= set(training["speakers"]["train"])
    assert training["licence"].startswith("CC-BY-NC-SA-4.0 AND ODbL-1.0")
    assert training["licence"].endswith(" AND unknown")
    card = (trained.folder / checkpoint.CARD).read_text()
    assert "Made from `whisper-tiny`" in card
    assert "new: network.head.6.weight, network.head.6.bias (but for the rows of neutral, happy, angry)" in card

    corpus = gather(parse_sources([str(make_ravdess(tmp_path / "heard", actors=2))]))
    said = evaluate_utterances(load_model("mine", "cpu"), corpus.utterances)
    report = Report.of("heard", described, said, 0)
    assert report.protocol == "not speaker-independent"
    assert "ravdess/01" in report.warnings[0]


def test_a_test_on_whom_the_origin_heard_is_not_called_independent(home: Path, tmp_path: Path, make_ravdess):
    corpus = make_ravdess(tmp_path / "heard", actors=3)
    config = from_table({"origin": "default", "epochs": 1, "augment": {}})
    trained = train([str(corpus)], name="mine", config=config)
    protocol = json.loads((trained.folder / checkpoint.CONFIG).read_text())["figures"]["protocol"]
    assert "speaker-dependent, the base model was trained on ravdess/0" in protocol
    assert protocol == trained.split.protocol


@pytest.mark.slow
def test_the_way_of_the_page_can_be_gone(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    make_folders(tmp_path / "recordings")
    soundfile.write("new.wav", voice(1.0), RATE)
    page = (ROOT / "docs" / "fine-tuning.md").read_text("utf-8")
    blocks = re.findall(r"```sh\n(.*?)```", page, flags=re.DOTALL)
    lines = [shlex.split(line)[1:] for block in blocks for line in block.splitlines()]
    assert len(lines) == 5
    for words in lines:
        result = CliRunner().invoke(app, [*words, *(["--epochs", "1"] if words[0] == "train" else [])])
        assert result.exit_code == 0, (words, result.output)
    assert "mine" in checkpoint.stored()
