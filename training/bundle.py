"""Train the bundled model on every speaker, and give it the temperature and figures of its recipe's folds.

    python training/compare.py --models speech-embedding     # the folds, if they have no records yet
    python training/bundle.py
    python training/bundle.py --figures     # the weights stay; graphs, temperature and figures are made anew

The recipe is ``training/configs/speech-embedding.toml``. Its figures are those of the runs that
``training/compare.py`` recorded on EmoBox folds 1-5, where every utterance is answered by a model that has not heard
its speaker; its temperature is fitted on the same answers. The calibration error after it is that of each fold's
answers under the temperature of all other folds, so that no answer is judged by a temperature that it helped to choose.
A second graph in 8-bit integers is made of it: ``training/int8.py`` says what that costs.
Writes ``audio_emotion/weights/default`` and ``training/records/bundled.json``.
"""

import argparse
import csv
import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from compare import CONFIGS, RECORDS, keep
from int8 import add_int8
from scipy.special import softmax

from audio_emotion.core import paths
from audio_emotion.core.emotions import emotions
from audio_emotion.evaluation import metrics
from audio_emotion.evaluation.evaluate import fit_temperature
from audio_emotion.export.weights import write_weights
from audio_emotion.inference.backends.torch import load
from audio_emotion.models import card, checkpoint
from audio_emotion.training.config import read
from audio_emotion.training.dataset import load_dataset
from audio_emotion.training.job import DataOptions
from audio_emotion.training.train import train

NAME = "speech-embedding"
RECORD = Path(__file__).parent / "records" / "bundled.json"


@dataclass(frozen=True)
class Fold:
    """One run's test side: what its model said, log-probabilities (n, n_labels), the labels' numbers, the figures."""

    split: str
    seed: int
    log: np.ndarray
    targets: np.ndarray
    figures: dict[str, float]


def folds(name: str = NAME) -> list[Fold]:
    """Read the records of EmoBox folds 1-5, all seeds of an architecture; utterances in order of their names."""
    found = []
    for path in sorted(RECORDS.glob(f"{name}-emobox-*.csv")):
        with path.open(encoding="utf-8", newline="") as file:
            rows = sorted(csv.DictReader(file), key=lambda row: row["file"])
        log = np.array([[float(row[label]) for label in emotions()] for row in rows])
        targets = np.array([emotions().index(row["label"]) for row in rows])
        run = json.loads(path.with_suffix(".json").read_text("utf-8"))
        found.append(Fold(run["split"], run["seed"], log, targets, run["figures"]))
    if len({fold.split for fold in found}) < 5:
        raise SystemExit(f"{len(found)} records of {name} in {RECORDS}, not of 5 folds; run training/compare.py")
    return found


def temperature(some: Sequence[Fold]) -> float:
    """Return the temperature that fits the answers of some folds."""
    return fit_temperature(np.concatenate([fold.log for fold in some]), np.concatenate([fold.targets for fold in some]))


def calibration_error(log: np.ndarray, targets: np.ndarray) -> float:
    """Return the expected calibration error, of log-probabilities (n, n_labels)."""
    probabilities = softmax(log, axis=1)
    return metrics.calibration_error(
        metrics.reliability(probabilities.max(axis=1), probabilities.argmax(axis=1) == targets)
    )


def figures(held_out: Sequence[Fold]) -> dict[str, object]:
    """Return what the card shows."""
    uars = [fold.figures["uar"] for fold in held_out]
    seeds = sorted({fold.seed for fold in held_out})
    if len(held_out) != len(seeds) * len({fold.split for fold in held_out}):
        raise SystemExit("not every seed has every fold; training/compare.py goes on where it was")
    by_seed = [np.mean([fold.figures["uar"] for fold in held_out if fold.seed == seed]) for seed in seeds]
    targets = np.concatenate([fold.targets for fold in held_out])
    scaled = [
        fold.log / temperature([other for other in held_out if other.split != fold.split]) for fold in held_out
    ]  # each fold under the temperature of all others
    return {
        "protocol": "this recipe on EmoBox folds 1-5 of RAVDESS speech, speaker-independent, "
        f"{len(uars)} runs of {len(seeds)} seed(s)",
        "answers": len(targets),
        "UAR": float(np.mean(uars)),
        "UAR by run": ", ".join(f"{100 * uar:.1f}" for uar in uars),
        "UAR by seed": ", ".join(f"{100 * uar:.1f}" for uar in by_seed),
        "UAR's SD over seeds": float(np.std(by_seed, ddof=1)) if len(seeds) > 1 else None,
        "accuracy": float(np.mean([fold.figures["wa"] for fold in held_out])),
        "ECE before the temperature": calibration_error(np.concatenate([fold.log for fold in held_out]), targets),
        "ECE with the other folds' temperature": calibration_error(np.concatenate(scaled), targets),
    }


def bundle(folder: Path, held_out: Sequence[Fold]) -> checkpoint.ModelConfig:
    """Give a model trained on everybody its recipe's temperature and figures, and put it into the package."""
    config = checkpoint.read(folder)
    config = replace(config, name=NAME, temperature=temperature(held_out), figures=figures(held_out))
    with paths.writing(paths.bundled_model_dir()) as target:
        shutil.copytree(folder, target, dirs_exist_ok=True)
        sizes = config.parameters, config.frontend
        model = load(folder / checkpoint.TENSORS, config.architecture, len(config.labels), *sizes)
        write_weights(model, target, config.window_samples)
        checkpoint.write(target, replace(config, int8=False), card.render(config))
        add_int8(target, load_dataset(()))
    return checkpoint.read(paths.bundled_model_dir())


def show(stage: str, done: int, total: int, remark: str) -> None:
    """Say how far the training has come."""
    if stage == "training":
        print(f"epoch {done} of {total}, {remark}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--figures", action="store_true", help="train nothing")
    held_out, folder = folds(), paths.bundled_model_dir()
    if not parser.parse_args().figures:
        recipe = read(CONFIGS / f"{NAME}.toml")
        folder = train(DataOptions(split="all"), name=f"{NAME}-all", config=recipe, device="cpu", progress=show).folder
    config = bundle(folder, held_out)
    record = {
        "figures": config.figures,
        "temperature": config.temperature,
        "training": config.training,
        "sha256": config.sha256,
    }
    keep(RECORD, record)
    print(json.dumps(record["figures"], indent=1))


if __name__ == "__main__":
    main()
