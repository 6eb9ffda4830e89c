"""The other side of the benchmarks: inference as student projects write it, librosa and torch in one script.

    python benchmarks/seed_way.py FILE...

Decodes and resamples with librosa, makes the spectrogram with librosa, builds the network in torch and answers file by
file. The answers are the bundled model's own, so that only the way differs.
"""

import json
import sys
from pathlib import Path

import librosa
import numpy as np
import torch
from safetensors.torch import load_file

from audio_emotion.core import paths
from audio_emotion.models import build

FOLDER = paths.bundled_model_dir()


def load() -> tuple[torch.nn.Module, dict]:
    config = json.loads((FOLDER / "config.json").read_text("utf-8"))
    model = build(config["architecture"], len(config["labels"]), config["parameters"], config["frontend"])
    model.load_state_dict(load_file(FOLDER / "model.safetensors"))
    return model.eval(), config


def window(path: str, config: dict) -> np.ndarray:
    samples, _ = librosa.load(path, sr=config["sampling_rate"], res_type="soxr_vhq")
    samples, _ = librosa.effects.trim(samples, top_db=40, frame_length=512, hop_length=256)
    missing = max(0, config["window_samples"] - len(samples))
    return np.pad(samples, (missing // 2, missing - missing // 2))[: config["window_samples"]]


def features(samples: np.ndarray, config: dict) -> np.ndarray:
    shape = config["frontend"]
    power = librosa.feature.melspectrogram(
        y=samples,
        sr=shape["sampling_rate"],
        n_fft=shape["n_fft"],
        hop_length=shape["hop"],
        n_mels=shape["n_mels"],
        fmin=shape["f_min"],
        fmax=shape["f_max"],
        pad_mode="constant",
    )
    return librosa.power_to_db(power, top_db=None)[None]


def main() -> None:
    model, config = load()
    for path in sys.argv[1:]:
        with torch.no_grad():
            batch = torch.from_numpy(features(window(path, config), config)[None])
            logits = model.network(model.network.normalise(batch))[0]
        scores = (logits / config["temperature"]).softmax(0)
        print(Path(path).name, config["labels"][int(scores.argmax())], f"{float(scores.max()):.4f}")


if __name__ == "__main__":
    main()
