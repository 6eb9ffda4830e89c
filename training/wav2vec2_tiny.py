"""Show `wav2vec2` learning on real recordings with a tiny encoder of random weights; write its record.

    python training/wav2vec2_tiny.py

It shows that waveform, encoder, layer weights, pooling and head learn together through the training loop of every other
model, and says nothing of what a pretrained encoder reaches. RAVDESS speech is read from AUDIO_EMOTION_DATA; angry and
sad utterances of actors in training are told apart, and those of four other actors tested, before and after.
"""

import json
import time
from pathlib import Path

import torch

from audio_emotion.audio.utterance import speech_windows
from audio_emotion.audio.windows import trim
from audio_emotion.corpora import locate
from audio_emotion.corpora.base import Utterance
from audio_emotion.corpora.load import sound
from audio_emotion.evaluation.metrics import uar
from audio_emotion.inference.backends.torch import TorchRuntime
from audio_emotion.inference.batching import utterance_logits
from audio_emotion.models import build
from audio_emotion.models.emotion_model import EmotionModel
from audio_emotion.training.callbacks import Callbacks
from audio_emotion.training.checkpointing import Epoch
from audio_emotion.training.config import TrainConfig, from_table
from audio_emotion.training.data import Subset
from audio_emotion.training.loop import fit

RECORD = Path(__file__).parent / "records" / "wav2vec2-tiny.json"
LABELS = ("sad", "angry")
TEST_ACTORS = ("01", "11", "20", "21")  # EmoBox fold 1
N_TRAIN = 200
ENCODER = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 64,
    "conv_dim": [32, 32, 32, 32],
    "conv_stride": [5, 4, 4, 4],
    "conv_kernel": [10, 8, 4, 4],
    "num_feat_extract_layers": 4,
    "num_conv_pos_embeddings": 16,
    "num_conv_pos_embedding_groups": 2,
}
RUN = {
    "architecture": "wav2vec2",
    "epochs": 12,
    "patience": 0,
    "batch_size": 16,
    "window_s": 2.0,
    "precision": "fp32",
    "parameters": {"encoder": ENCODER, "tune_from": 0},
    "augment": {},
}


def main() -> None:
    config = from_table(RUN)
    utterances = [u for u in locate("ravdess").utterances if u.label in LABELS]
    test = side([u for u in utterances if speaker(u) in TEST_ACTORS], config.rate)
    others = [u for u in utterances if speaker(u) not in TEST_ACTORS]
    train = side(others[:: max(1, len(others) // N_TRAIN)][:N_TRAIN], config.rate)
    torch.manual_seed(config.seed)
    before = figures(build(config.architecture, len(LABELS), config.parameters, config.frontend_table), test, config)
    began, epochs = time.monotonic(), list[Epoch]()
    model = fit(train, Subset([], []), len(LABELS), config, "cpu", Callbacks(on_epoch=epochs.append))
    record = {
        "what": "a tiny encoder with random weights: that the parts learn together, not what pretraining reaches",
        "labels": LABELS,
        "utterances": {"train": len(train.targets), "test": len(test.targets), "test actors": TEST_ACTORS},
        "options": RUN,
        "parameters": sum(p.numel() for p in model.parameters()),
        "loss by epoch": [round(epoch.loss, 4) for epoch in epochs],
        "test UAR before": before,
        "test UAR after": figures(model, test, config),
        "training UAR after": figures(model, train, config),
        "seconds": round(time.monotonic() - began),
        "threads": torch.get_num_threads(),
    }
    RECORD.write_text(json.dumps(record, indent=1) + "\n", "utf-8")
    print(json.dumps({k: v for k, v in record.items() if k != "options"}, indent=1))


def speaker(utterance: Utterance) -> str:
    return utterance.speaker.rsplit("/", 1)[-1]


def side(utterances: list[Utterance], rate: int) -> Subset:
    sounds = []
    for utterance in utterances:
        samples = sound(utterance, rate).samples
        start, end = trim(samples)
        sounds.append(samples[start:end])
    return Subset(sounds, [LABELS.index(u.label) for u in utterances])


def figures(model: EmotionModel, heard: Subset, config: TrainConfig) -> float:
    """Return the UAR on a side."""
    windows = [speech_windows(samples, config.window_samples, config.rate) for samples in heard.sounds]
    logits = utterance_logits(TorchRuntime(model, "cpu").logits, windows)
    return round(uar(heard.targets, [-1 if x is None else int(x.argmax()) for x in logits]), 4)


if __name__ == "__main__":
    main()
