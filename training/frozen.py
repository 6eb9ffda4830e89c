"""What the pretrained network hears before any training: a support vector machine on its blocks' output.

    python training/frozen.py        # writes training/records/frozen.json; some ten seconds of one core a row

Means and deviations over the speech frames of each clip's middle window, standardised; nested folds, as in
``nested.py``: for each EmoBox fold, the actors of the fold after it judge what twelve others trained. UAR is the mean
over the five, so that every actor judges.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from compare import keep
from nested import split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from torch import Tensor, nn
from torch.nn import functional as F

from audio_emotion.core.types import FloatArray
from audio_emotion.evaluation import metrics
from audio_emotion.models import build
from audio_emotion.models.emotion_model import EmotionModel
from audio_emotion.models.layers import speech_frames
from audio_emotion.models.networks.speech_embedding import Rectifier
from audio_emotion.training.data import middle
from audio_emotion.training.dataset import Dataset, load_dataset

RECORD = Path(__file__).parent / "records" / "frozen.json"
NAME, BATCH = "speech-embedding", 20
FRAMES = {
    "frames of 30 ms, one every 10 ms": {"n_fft": 480, "hop": 160},
    "20 ms, every 10 ms": {"n_fft": 320, "hop": 160},
    "25 ms, every 12.5 ms": {"n_fft": 400, "hop": 200},
    "30 ms, every 15 ms": {"n_fft": 480, "hop": 240},
    "32 ms, every 16 ms": {"n_fft": 512, "hop": 256},
    "40 ms, every 20 ms": {"n_fft": 640, "hop": 320},
}


def described(model: EmotionModel, windows: FloatArray) -> FloatArray:
    """Return means and deviations of the blocks' output, (n_windows, n_values)."""
    rows = []
    for some in np.array_split(windows, len(windows) // BATCH):
        with torch.inference_mode():
            features = model.features(torch.from_numpy(some))
            x = model.network.get_submodule("blocks")(model.network.rescale(features)).flatten(1, 2)
            frames = F.max_pool1d(speech_frames(features[:, 0]), model.network.frames_in_one)
            rows.append(statistics(x, frames).numpy())
    return np.concatenate(rows)


def statistics(x: Tensor, frames: Tensor) -> Tensor:
    n = frames.sum(dim=2)
    mean = (x * frames).sum(dim=2) / n
    variance = ((x - mean[:, :, None]).square() * frames).sum(dim=2) / n
    return torch.cat([mean, variance.sqrt()], dim=1)


def judged(rows: FloatArray, material: Dataset) -> float:
    """Return the mean UAR over the nested folds."""
    place = {u.digest: row for u, row in zip(material.corpus.utterances, rows, strict=True)}
    found = []
    for fold in range(1, 6):
        sides = split(fold, material)
        machine = make_pipeline(StandardScaler(), SVC(C=5.0, class_weight="balanced"))
        machine.fit([place[u.digest] for u in sides.train], [u.label for u in sides.train])
        said = machine.predict([place[u.digest] for u in sides.test])
        found.append(metrics.uar([u.label for u in sides.test], list(said)))
    return round(float(np.mean(found)), 4)


def without_cut(model: EmotionModel) -> EmotionModel:
    """Let activations go as low as they will."""
    for block in model.network.get_submodule("blocks").children():
        for name, layer in block.named_children():
            if isinstance(layer, Rectifier):
                setattr(block, name, nn.LeakyReLU(0.2))
    return model


def main() -> None:
    torch.set_num_threads(1)
    material = load_dataset(())
    windows = np.stack([middle(material.sounds[u.digest], 48_000) for u in material.corpus.utterances])

    def tried(parameters: Mapping[str, Any], frontend: Mapping[str, Any]) -> EmotionModel:
        return build(NAME, 8, parameters, frontend).eval()

    models = {name: tried({}, frontend) for name, frontend in FRAMES.items()}
    models |= {f"{n} blocks": tried({"n_blocks": n}, {}) for n in (2, 3)}
    models |= {"activations not cut at -0.4": without_cut(tried({}, {}))}
    record = {}
    for name, model in models.items():
        record[name] = judged(described(model, windows), material)
        print(f"{name}: {record[name]}", flush=True)
    keep(RECORD, record)
    print(json.dumps(record, indent=1))


if __name__ == "__main__":
    main()
