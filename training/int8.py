"""What 8-bit integers cost: the models of a run's folds, each tested on its own test set in both precisions.

    audio-emotion train --config training/configs/whisper-tiny.toml --folds union --allow-missing --name RUN --data ...
    python training/int8.py RUN --data ravdess=D/ravdess-speech --data crema-d=D/crema-d ...

Predictions are those of ``infer``. A model is quantized with windows of speakers that it was trained on. The seeds of a
fold are averaged, as in the bundled model. Writes training/records/int8.json: UAR among a corpus's labels, as the mean
over the folds.
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
from bundle import N_CALIBRATED, averaged, clean_windows, figures_of, folders_by_fold, training_sample
from compare import keep

from audio_emotion.corpora.base import Utterance
from audio_emotion.evaluation.evaluate import Evaluation, evaluate_utterances
from audio_emotion.export.int8 import write_int8
from audio_emotion.inference.loading import load_model
from audio_emotion.models import card, checkpoint
from audio_emotion.training.dataset import Dataset, load_dataset

RECORD = Path(__file__).parent / "records" / "int8.json"


def add_int8(folder: Path, dataset: Dataset) -> None:
    """Give the model in ``folder`` a graph in integers."""
    config = checkpoint.read_config(folder)
    windows = np.concatenate(clean_windows(dataset, training_sample(config, dataset, N_CALIBRATED)))
    write_int8(folder / checkpoint.GRAPH, folder / checkpoint.INT8_GRAPH, windows)
    config = replace(config, int8=True)
    checkpoint.write(folder, config, card.render(config))


def compared(folder: Path, dataset: Dataset) -> dict[str, Any]:
    """Test a copy of the model in ``folder`` on its test speakers, as ``infer`` predicts, in both precisions."""
    with tempfile.TemporaryDirectory() as temporary:
        copy = Path(shutil.copytree(folder, Path(temporary, "model")))
        add_int8(copy, dataset)
        test = set(checkpoint.read_config(copy).training["speakers"]["test"])
        utterances = [u for u in dataset.corpus.utterances if u.speaker in test]
        floats, integers = (tested(copy, backend, utterances) for backend in ("onnx", "onnx-int8"))
    assert floats.utterances == integers.utterances
    differ = np.abs(floats.probabilities - integers.probabilities).max(axis=1)
    return {
        "utterances": len(floats.utterances),
        "floats": uars(floats),
        "integers": uars(integers),
        "same answer": round(float(np.mean(np.equal(floats.answers, integers.answers))), 4),
        "scores differ by": {"mean": round(float(differ.mean()), 4), "at most": round(float(differ.max()), 4)},
    }


def tested(folder: Path, backend: Any, utterances: Sequence[Utterance]) -> Evaluation:
    """Return what a model predicts for utterances."""
    return evaluate_utterances(load_model(str(folder), "cpu", backend, threads=1), utterances)


def uars(evaluation: Evaluation) -> dict[str, float]:
    """Return the UAR among the labels of each corpus."""
    logits = np.log(evaluation.probabilities + 1e-9)
    figures = figures_of(evaluation.labels, evaluation.utterances, logits)
    return {corpus: own["UAR among its labels"] for corpus, own in figures.items()}


def means(folds: Sequence[dict[str, Any]], precision: str) -> dict[str, float]:
    """Return the mean UAR of each corpus over the folds that test it."""
    corpora = dict.fromkeys(corpus for fold in folds for corpus in fold[precision])
    by_corpus = {corpus: [fold[precision][corpus] for fold in folds if corpus in fold[precision]] for corpus in corpora}
    return {corpus: round(float(np.mean(uars)), 4) for corpus, uars in by_corpus.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", help="name of a run of folds")
    parser.add_argument("--data", action="append", required=True, help="the corpora of the trainings")
    given = parser.parse_args()
    dataset = load_dataset(given.data)
    folds = []
    for fold, folders in folders_by_fold(given.run).items():
        with averaged(folders) as folder:
            folds.append(compared(folder, dataset))
        print(fold, folds[-1], flush=True)
    counts = [fold["utterances"] for fold in folds]
    record = {
        "mean UAR": {precision: means(folds, precision) for precision in ("floats", "integers")},
        "same answer": round(float(np.average([fold["same answer"] for fold in folds], weights=counts)), 4),
        "folds": folds,
    }
    keep(RECORD, record)
    print(json.dumps({key: record[key] for key in ("mean UAR", "same answer")}, indent=1))


if __name__ == "__main__":
    main()
