"""What an epoch's data preparation costs a clip, beside the seeds' way; writes benchmarks/augment.json.

    python benchmarks/augment.py FOLDER   (some 100 recordings below FOLDER, spread over it)

The seeds' way is a loop over the clips without any cache: librosa's time stretch and pitch shift, then librosa's
log-mel spectrogram and MFCC. Both ways get the same decoded and trimmed clips, in one process and one thread, batch by
batch in turn, so that a change of the machine's speed meets both. CPU time, since a busy machine stretches the other.
"""

import json
import platform
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import librosa
import numpy as np
import torch

from audio_emotion import audio
from audio_emotion.audio.find import expand
from audio_emotion.audio.windows import trim
from audio_emotion.augment import DEFAULT, Background, PitchShift
from audio_emotion.augment.features import Features
from audio_emotion.augment.pipeline import Sounds
from audio_emotion.augment.recipe import FEATURES, WAVEFORM
from audio_emotion.core.types import FloatArray
from audio_emotion.models import build

RATE, WINDOW, BATCH, N_CLIPS = 16_000, 48_000, 16, 96
SEEDS_TABLE = {  # what the seeds' way does to every clip, and more
    "pitch_shift": {"share": 1.0},
    "time_stretch": {"share": 1.0},
    "noise": {"share": 0.5},
    "time_shift": {"share": 1.0},
    "spec_augment": {},
    "mixup": {},
}
MOST = {  # every transform that needs no folder and no codec
    **{name: {"share": 0.25} for name in WAVEFORM if name not in ("background", "codec")},
    **{name: {} for name in FEATURES},
}
TABLES: dict[str, dict[str, Any]] = {
    "default recipe": dict(DEFAULT),
    "pitch and tempo of every clip, 4 versions kept": {**SEEDS_TABLE, "versions": 4},
    "pitch and tempo of every clip, new in each epoch": SEEDS_TABLE,
    "all but background and codec, a quarter of the time each, new in each epoch": MOST,
}
EPOCHS = dict(zip(TABLES, (50, 50, 5, 5), strict=True))  # 50: what is kept is made in the first epochs


def cpu_ms(work: Callable[[], object]) -> float:
    began = time.process_time()
    work()
    return 1_000 * (time.process_time() - began)


def seeds_way(samples: FloatArray, rng: np.random.Generator, shape: dict[str, Any]) -> FloatArray:
    samples = librosa.effects.time_stretch(samples, rate=rng.uniform(0.9, 1.1))
    samples = librosa.effects.pitch_shift(samples, sr=RATE, n_steps=rng.uniform(-2, 2))
    samples = librosa.util.fix_length(samples, size=WINDOW)
    options = {"sr": RATE, "n_fft": shape["n_fft"], "hop_length": shape["hop"], "n_mels": shape["n_mels"]}
    log_mel = librosa.power_to_db(librosa.feature.melspectrogram(y=samples, **options))
    return np.stack([log_mel, librosa.feature.mfcc(y=samples, n_mfcc=shape["n_mels"], **options)])


class Ours:
    """An epoch's data preparation by a table: sounds, features, feature transforms."""

    def __init__(self, clips: Sequence[FloatArray], table: dict[str, Any]) -> None:
        self.model = build("two-channel-cnn", 8, {}).eval()
        self.sounds = Sounds(clips, RATE, WINDOW, 0, table)
        self.features = Features(table, self.model.frontend)

    @torch.no_grad()
    def batch(self, epoch: int, numbers: Sequence[int]) -> torch.Tensor:
        """Return what the network reads of some clips."""
        windows = torch.from_numpy(self.sounds.stack(epoch, np.asarray(numbers)))
        rng = np.random.default_rng([epoch, numbers[0]])
        raw = self.features.raw(self.model.frontend(windows), rng)
        features = self.model.network.get_submodule("normalise")(raw)
        return self.features.normalised(features, torch.eye(len(numbers)), rng)[0]


def compare(clips: Sequence[FloatArray]) -> dict[str, Any]:
    """Prepare runs of epochs by each table, and every tenth epoch by the seeds' way too."""
    ways = {name: Ours(clips, table) for name, table in TABLES.items()}
    shape = dict(next(iter(ways.values())).model.frontend_config)
    rng = np.random.default_rng(0)
    batches = [range(i, min(i + BATCH, len(clips))) for i in range(0, len(clips), BATCH)]
    seeds_way(clips[0], rng, shape)  # librosa compiles on first use
    seeds, spent = 0.0, {name: [0.0] * epochs for name, epochs in EPOCHS.items()}
    for epoch in range(max(EPOCHS.values())):
        for numbers in batches:
            for name, way in ways.items():
                if epoch < EPOCHS[name]:
                    spent[name][epoch] += cpu_ms(lambda w=way, n=numbers, e=epoch: w.batch(e, n))
            if epoch % 10 == 0:
                seeds += cpu_ms(lambda n=numbers: [seeds_way(clips[i], rng, shape) for i in n])
    seeds /= len(clips) * len(range(0, max(EPOCHS.values()), 10))
    rows = {}
    for name, totals in spent.items():
        epochs = [total / len(clips) for total in totals]
        mean = statistics.mean(epochs)
        rows[name] = {"epochs": len(epochs), "first epoch": epochs[0], "last epoch": epochs[-1], "mean": mean}
        rows[name]["mean, times as fast as the seeds' way"] = seeds / mean
    return {"seeds' way, ms a clip": seeds, "ours, ms a clip": rows}


def each(clips: Sequence[FloatArray], folder: str) -> dict[str, float]:
    """Return ms a clip for each transform alone, and for the features."""
    made: dict[str, Any] = {name: kind() for name, kind in WAVEFORM.items() if name != "background"}
    made["background"] = Background(folder)
    made["pitch_shift, phase-vocoder"] = PitchShift(method="phase-vocoder")
    costs = {}
    for name, transform in made.items():
        rng = np.random.default_rng(0)
        transform.apply(clips[0], RATE, transform.draw(rng))
        run = cpu_ms(lambda t=transform, r=rng: [t.apply(clip, RATE, t.draw(r)) for clip in clips])
        costs[name] = run / len(clips)
    numbers = range(BATCH)
    bare = Ours(clips, {})
    windows = torch.from_numpy(bare.sounds.stack(0, np.asarray(numbers)))
    with torch.no_grad():
        raw = bare.model.frontend(windows)
        costs["features and normalisation"] = cpu_ms(lambda: [bare.model.features(windows) for _ in range(5)])
        for name in FEATURES:
            used = Features({name: {"share": 1.0} if name == "vtlp" else {}}, bare.model.frontend)
            rng, eye = np.random.default_rng(0), torch.eye(BATCH)
            costs[name] = cpu_ms(lambda u=used, r=rng, e=eye: [u.normalised(u.raw(raw, r), e, r) for _ in range(5)])
    for name in ("features and normalisation", *FEATURES):
        costs[name] /= 5 * BATCH
    return costs


def main() -> None:
    torch.set_num_threads(1)
    files = expand([sys.argv[1]], recursive=True)
    clips = []
    for path in files[:: max(1, len(files) // N_CLIPS)][:N_CLIPS]:
        samples = audio.load(path, RATE).samples
        start, end = trim(samples)
        clips.append(samples[start:end])
    told: dict[str, Any] = {
        "clips": len(clips),
        "mean length, s": sum(map(len, clips)) / RATE / len(clips),
        "python": platform.python_version(),
        "machine": platform.machine(),
    }
    told |= compare(clips) | {"each transform alone, ms a clip": each(clips, sys.argv[1])}
    text = json.dumps(told, indent=1, default=float)
    rounded = json.loads(text, parse_float=lambda number: round(float(number), 3))
    (Path(__file__).parent / "augment.json").write_text(json.dumps(rounded, indent=1) + "\n", "utf-8")
    print(json.dumps(rounded, indent=1))


if __name__ == "__main__":
    main()
