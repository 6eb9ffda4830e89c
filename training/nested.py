"""A recipe judged by actors who are in neither the training nor the test side of a fold: nested folds.

    python training/nested.py training/configs/speech-embedding.toml [--folds 1 2] [--set epochs=40] [--name longer]

For fold f of EmoBox's 1-5, the actors of the fold after it judge a model that the actors of the other three train; f's
own actors are in neither. So fold 1 asks those of fold 2, and fold 2 those of fold 3: with the default, choices are
made by the eight actors of folds 2 and 3, who are tested on in those folds; the figures of folds 1, 4 and 5 owe them
nothing. The model of the last epoch answers, as ``infer`` does. With ``--songs`` the training actors' songs, which
have the same labels but disgust and surprised, are trained on too, and nobody is judged by one. Writes
training/records/nested/NAME.json; what is recorded is not run again.
"""

import argparse
import json
import os
import tempfile
from pathlib import Path

import torch
from compare import keep

from audio_emotion.corpora.base import Utterance
from audio_emotion.corpora.splits import NAMED_FOLDS, Split
from audio_emotion.fitting import TrainConfig, settings
from audio_emotion.fitting.config import changes, read
from audio_emotion.training import Material, load_material, train_split

RECORDS = Path(__file__).parent / "records" / "nested"
FOLDS = NAMED_FOLDS["emobox"][:5]
DATA = os.environ.get("AUDIO_EMOTION_DATA", "")
SUNG = (f"ravdess={DATA}/ravdess-speech", f"ravdess-song={DATA}/ravdess-song")


def split(fold: int, material: Material) -> Split:
    """Return who trains and who judges for the sake of a fold, 1 to 5."""
    judges = FOLDS[fold % 5]
    away = {*judges, *FOLDS[fold - 1]}
    told = [(u, u.speaker.split("/")[1]) for u in material.corpus.utterances]
    train = tuple(u for u, actor in told if actor not in away)
    return Split(f"nested-{fold}", train, (), tuple(u for u, actor in told if actor in judges and not is_song(u)))


def is_song(utterance: Utterance) -> bool:
    """Return whether a recording of RAVDESS is sung, as the second number of its name tells."""
    return utterance.path.stem.split("-")[1] == "02"


def judged(fold: int, material: Material, config: TrainConfig) -> float:
    """Train for the sake of a fold and return its judges' UAR."""
    with tempfile.TemporaryDirectory() as folder:
        where = Path(folder, "model"), Path(folder, "run")
        trained = train_split(*where, "nested", material, split(fold, material), config, "cpu", tell)
    assert trained.evaluation is not None
    return trained.evaluation.scores()["uar"]


def tell(stage: str, done: int, total: int, remark: str) -> None:
    """Say how far a training has come."""
    if stage == "training" and done % 4 == 0:
        print(f"epoch {done} of {total}, {remark}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config", type=Path)
    parser.add_argument("--folds", nargs="+", type=int, default=[1, 2], choices=range(1, 6))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--set", nargs="+", default=(), metavar="KEY=VALUE", help="what is tried in place of the config"
    )
    parser.add_argument("--songs", action="store_true", help="train on songs too")
    parser.add_argument("--name", help="of the record; left out: the config's")
    given = parser.parse_args()
    torch.set_num_threads(1)
    record = RECORDS / f"{given.name or given.config.stem}.json"
    kept = {"tried": list(given.set), "songs": given.songs, "uar": {}}
    if record.exists():
        kept = json.loads(record.read_text("utf-8"))
    config = read(given.config, {**changes(given.set), "seed": given.seed})
    described = settings.table_of(config.resolved()) | {"seed": 0}
    if kept.setdefault("config", described) != described or kept.get("songs", False) != given.songs:
        raise SystemExit(f"{record}: is of another recipe; give this one a --name of its own")
    material = load_material(SUNG if given.songs else (), sampling_rate=config.rate)
    for fold in given.folds:
        key = f"fold {fold}, seed {given.seed}"
        if key not in kept["uar"]:
            kept["uar"][key] = round(judged(fold, material, config), 4)
            keep(record, kept)
            print(f"{record.stem}: {key}, {kept['uar'][key]}", flush=True)


if __name__ == "__main__":
    main()
