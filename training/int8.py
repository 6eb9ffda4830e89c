"""What 8-bit integers cost: models of a cross-validation, each tested on its own test speakers in both precisions.

    audio-emotion train --config training/configs/speech-embedding.toml --folds emobox --allow-missing --name folds
    python training/int8.py RUN...      # the folders of the five models, each with its config.json

A model is quantized with windows of speakers that it was trained on. Writes training/records/int8.json.
"""

import argparse
import json
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from compare import keep

from audio_emotion.audio.windows import speech_windows
from audio_emotion.core.types import FloatArray
from audio_emotion.corpora.base import Utterance
from audio_emotion.evaluation.evaluate import Evaluation, evaluate_utterances
from audio_emotion.export.int8 import write_int8
from audio_emotion.inference.loading import load_model
from audio_emotion.models import card, checkpoint
from audio_emotion.training.dataset import Dataset, load_dataset

RECORD = Path(__file__).parent / "records" / "int8.json"
N_CALIBRATED = 160
"""Utterances whose windows set the scales."""


def calibration(material: Dataset, config: checkpoint.ModelConfig) -> FloatArray:
    """Return windows of some utterances of a model's training speakers, spread over all of them."""
    heard = [u for u in material.corpus.utterances if u.speaker in config.training["speakers"]["train"]]
    some = heard[:: max(1, len(heard) // N_CALIBRATED)][:N_CALIBRATED]
    return np.concatenate(
        [speech_windows(material.sounds[u.digest], config.window_samples, config.sampling_rate) for u in some]
    )


def add_int8(folder: Path, material: Dataset) -> None:
    """Give the model in ``folder`` a graph in integers."""
    config = checkpoint.read_config(folder)
    write_int8(folder / checkpoint.GRAPH, folder / checkpoint.INT8_GRAPH, calibration(material, config))
    config = replace(config, int8=True)
    checkpoint.write(folder, config, card.render(config))


def compared(folder: Path, material: Dataset) -> dict[str, Any]:
    """Test a copy of the model in ``folder`` on its test speakers, as ``infer`` answers, in both precisions."""
    with tempfile.TemporaryDirectory() as temporary:
        copy = Path(shutil.copytree(folder, Path(temporary, "model")))
        add_int8(copy, material)
        test = set(checkpoint.read_config(copy).training["speakers"]["test"])
        utterances = [u for u in material.corpus.utterances if u.speaker in test]
        floats, integers = (tested(copy, backend, utterances) for backend in ("onnx", "onnx-int8"))
    assert floats.utterances == integers.utterances
    differ = np.abs(floats.probabilities - integers.probabilities).max(axis=1)
    return {
        "test speakers": sorted(test),
        "utterances": len(utterances),
        "fp32": rounded(floats.scores()),
        "int8": rounded(integers.scores()),
        "same answer": round(float(np.mean(np.equal(floats.answers, integers.answers))), 4),
        "scores differ by": {"mean": round(float(differ.mean()), 4), "at most": round(float(differ.max()), 4)},
    }


def tested(folder: Path, backend: Any, utterances: Sequence[Utterance]) -> Evaluation:
    return evaluate_utterances(load_model(str(folder), "cpu", backend), utterances)


def rounded(scores: dict[str, float]) -> dict[str, float]:
    return {name: round(value, 4) for name, value in scores.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+", type=Path, metavar="RUN")
    material = load_dataset(())
    folds = [compared(folder, material) for folder in parser.parse_args().models]
    means = {p: round(float(np.mean([fold[p]["uar"] for fold in folds])), 4) for p in ("fp32", "int8")}
    same = round(float(np.average([f["same answer"] for f in folds], weights=[f["utterances"] for f in folds])), 4)
    keep(RECORD, {"mean UAR": means, "same answer": same, "folds": folds})
    print(json.dumps({"mean UAR": means, "same answer": same}))


if __name__ == "__main__":
    main()
