"""A recipe judged by actors who are in neither the training nor the test set of a fold: nested folds.

    python training/nested.py training/configs/speech-embedding.toml [--folds 1 2] [--set epochs=40] [--name longer]

For fold f of EmoBox's 1-5, the actors of the fold after it judge a model that the actors of the other three train; f's
own actors are in neither. So fold 1 asks those of fold 2, and fold 2 those of fold 3: with the default, choices are
made by the eight actors of folds 2 and 3, who are tested on in those folds; the figures of folds 1, 4 and 5 owe them
nothing. The model of the last epoch answers, as ``infer`` does. With ``--songs`` the training actors' songs, which
have the same labels but disgust and surprised, are trained on too, and nobody is judged by one. With ``--random`` the
folds are those of random-10-fold, whose speakers are known: the part after the fold's own judges a model that the
other eight train; with ``--folds 1 2 3 4`` parts 2 to 5 judge, and the figures of folds 1 and 6 to 10 owe them nothing.
Writes training/records/nested/NAME.json; what is recorded is not run again.
"""

import argparse
import json
import os
import tempfile
from pathlib import Path

import torch
from compare import keep

from audio_emotion.core import schema
from audio_emotion.corpora.base import Utterance
from audio_emotion.corpora.splits import NAMED_FOLDS, Split, folds
from audio_emotion.training import TrainConfig
from audio_emotion.training.config import changes, read
from audio_emotion.training.dataset import Dataset, load_dataset
from audio_emotion.training.job import TrainJob
from audio_emotion.training.train import run_job

RECORDS = Path(__file__).parent / "records" / "nested"
FOLDS = NAMED_FOLDS["emobox"][:5]
DATA = os.environ.get("AUDIO_EMOTION_DATA", "")
SUNG = (f"ravdess={DATA}/ravdess-speech", f"ravdess-song={DATA}/ravdess-song")


def split(fold: int, material: Dataset) -> Split:
    """Return who trains and who judges for the sake of a fold, 1 to 5."""
    judges = FOLDS[fold % 5]
    away = {*judges, *FOLDS[fold - 1]}
    told = [(u, u.speaker.split("/")[1]) for u in material.corpus.utterances]
    train = tuple(u for u, actor in told if actor not in away)
    return Split(f"nested-{fold}", train, (), tuple(u for u, actor in told if actor in judges and not is_song(u)))


def random_split(fold: int, material: Dataset) -> Split:
    """Return what trains and what judges for the sake of a fold of random-10-fold, 1 to 10."""
    spoken = [u for u in material.corpus.utterances if not is_song(u)]
    parts = [part.test for part in folds("random-10-fold", spoken, 0, validate=False)]
    judges = parts[fold % 10]
    away = {u.recording for u in (*judges, *parts[fold - 1])}
    train = tuple(u for u in material.corpus.utterances if u.recording not in away)
    return Split(f"random-nested-{fold}", train, (), judges)


def is_song(utterance: Utterance) -> bool:
    """Return whether a recording of RAVDESS is sung, as the second number of its name tells."""
    return utterance.path.stem.split("-")[1] == "02"


def judged(sides: Split, material: Dataset, config: TrainConfig) -> float:
    """Train for the sake of a fold and return its judges' UAR."""
    with tempfile.TemporaryDirectory() as folder:
        where = Path(folder, "model"), Path(folder, "run")
        trained = run_job(TrainJob("nested", material, sides, config, *where, "cpu", tell))
    assert trained.evaluation is not None
    return trained.evaluation.scores()["uar"]


def tell(stage: str, done: int, total: int, remark: str) -> None:
    """Say how far a training has come."""
    if stage == "training" and done % 4 == 0:
        print(f"epoch {done} of {total}, {remark}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config", type=Path)
    parser.add_argument("--folds", nargs="+", type=int, default=[1, 2], choices=range(1, 11))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--set", nargs="+", default=(), metavar="KEY=VALUE", help="what is tried in place of the config"
    )
    parser.add_argument("--songs", action="store_true", help="train on songs too")
    parser.add_argument("--random", action="store_true", help="folds of random-10-fold, whose speakers are known")
    parser.add_argument("--name", help="of the record; left out: the config's")
    given = parser.parse_args()
    if not given.random and max(given.folds) > len(FOLDS):
        parser.error(f"--folds {max(given.folds)}: there are {len(FOLDS)}, and 10 with --random")
    torch.set_num_threads(1)
    record = RECORDS / f"{given.name or given.config.stem}.json"
    asked = {"songs": given.songs, "random": given.random}
    kept = {"tried": list(given.set), **asked, "uar": {}}
    if record.exists():
        kept = json.loads(record.read_text("utf-8"))
    config = read(given.config, {**changes(given.set), "seed": given.seed})
    described = schema.table_of(config.resolved()) | {"seed": 0}
    same = all(kept.get(key, False) == value for key, value in asked.items())
    if kept.setdefault("config", described) != described or not same:
        raise SystemExit(f"{record}: is of another recipe; give this one a --name of its own")
    material = load_dataset(SUNG if given.songs else (), sampling_rate=config.rate)
    sides = random_split if given.random else split
    for fold in given.folds:
        key = f"fold {fold}, seed {given.seed}"
        if key not in kept["uar"]:
            kept["uar"][key] = round(judged(sides(fold, material), material, config), 4)
            keep(record, kept)
            print(f"{record.stem}: {key}, {kept['uar'][key]}", flush=True)


if __name__ == "__main__":
    main()
