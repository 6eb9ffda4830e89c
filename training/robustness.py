"""How well a recipe's models hear the test speakers of their folds when something happens to the sound.

    python training/compare.py --models speech-embedding --seeds 3 --keep build/folds
    python training/robustness.py build/folds/speech-embedding-emobox-*
    python training/robustness.py --recipe outdoors RUN...      # of another recipe; robustness-outdoors.json

Each model answers the recordings of its own test speakers, whom it has never heard, as they are and in each of
``conditions.py``, as ``infer`` does: an answer of ``no speech`` is wrong. Writes training/records/robustness.json:
UAR as a mean over the models, that of each sex over all of their answers (a fold may have women alone), and the share
of answers that stay as they were.
"""

import argparse
import json
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
from compare import keep
from conditions import CONDITIONS, Change

from audio_emotion import audio, corpora
from audio_emotion.core.emotions import NO_SPEECH
from audio_emotion.core.types import FloatArray, Waveform
from audio_emotion.corpora.base import Utterance
from audio_emotion.evaluation import metrics
from audio_emotion.inference.loading import load_model
from audio_emotion.inference.model import Model
from audio_emotion.models import checkpoint

RECORDS = Path(__file__).parent / "records"
RATE, CLEAN = 16_000, "as recorded"
ALL: dict[str, Change] = {CLEAN: lambda x, *_: x, **CONDITIONS}


@lru_cache(2_000)  # a fold's clips in every condition
def heard(condition: str, path: Path, number: int) -> FloatArray:
    """Return a recording in a condition; what is random about it depends on its number alone."""
    return ALL[condition](audio.load(path, RATE).samples, RATE, np.random.default_rng(number))


def answers(model: Model, condition: str, utterances: Sequence[Utterance]) -> list[str]:
    return [
        model.predict_waveform(Waveform(heard(condition, utterance.path, number), RATE, RATE)).label
        for number, utterance in enumerate(utterances)
    ]


def tested(folder: Path) -> tuple[list[Utterance], dict[str, list[str]]]:
    """Return a model's test recordings, and what it says of them in each condition."""
    speakers = checkpoint.read_config(folder).training["speakers"]["test"]
    utterances = [u for u in corpora.locate("ravdess").utterances if u.speaker in speakers]
    model = load_model(str(folder), "cpu", "onnx")
    print(folder.name, flush=True)
    return utterances, {condition: answers(model, condition, utterances) for condition in ALL}


def uar(utterances: Sequence[Utterance], said: Sequence[str], sex: str | None = None) -> float:
    chosen = [i for i, u in enumerate(utterances) if sex in (None, u.attributes["sex"])]
    return metrics.uar([utterances[i].label for i in chosen], [said[i] for i in chosen])


def figures(models: Sequence[tuple[list[Utterance], dict[str, list[str]]]], condition: str) -> dict[str, float]:
    """Return the mean UAR of the models, and what is counted over all of their answers together."""
    utterances = [u for some, _ in models for u in some]
    said, plain = ([one for _, told in models for one in told[name]] for name in (condition, CLEAN))
    return {
        "uar": float(np.mean([uar(some, told[condition]) for some, told in models])),
        "female": uar(utterances, said, "female"),
        "male": uar(utterances, said, "male"),
        "same answer": float(np.mean(np.equal(said, plain))),
        "no speech": said.count(NO_SPEECH) / len(said),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+", type=Path, metavar="MODEL")
    parser.add_argument("--recipe", help="what the record is called after; left out: the default recipe")
    given = parser.parse_args()
    folders = sorted(given.models)
    models = [tested(one) for one in folders]
    found = {name: {k: round(v, 4) for k, v in figures(models, name).items()} for name in ALL}
    plain = [round(uar(some, told[CLEAN]), 4) for some, told in models]
    record = RECORDS / (f"robustness-{given.recipe}.json" if given.recipe else "robustness.json")
    keep(record, {"models": [one.name for one in folders], "uar by model": plain, "mean": found})
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
