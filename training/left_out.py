"""Accuracy on corpora that a recipe was trained without, as it is and adapted to the corpus's unlabelled recordings.

    python training/left_out.py default tess=D/tess=default-all-0,default-all-1 emodb=D/emodb=no-emodb-0,... --data ...

The name of the bundled model comes first. Each further argument names a corpus, its folder and the stored models that
did not see it, one a seed, which are averaged. ``--data`` are the corpora of the trainings, for the mean of the
training data. Writes ``training/records/left-out-NAME.json``, and the logits to
``training/records/logits/NAME/no-CORPUS.csv``.
"""

import argparse
from typing import Any

import calibration
import torch
from bundle import RECORDS, SHRINKAGE, figures_of, side_of
from compare import keep

from audio_emotion.models import checkpoint
from audio_emotion.training.dataset import load_dataset


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", help="of the model in the package")
    parser.add_argument("corpora", nargs="+", metavar="CORPUS=FOLDER=MODEL[,MODEL...]")
    parser.add_argument("--data", action="append", required=True, help="the corpora of the trainings")
    given = parser.parse_args()
    torch.set_num_threads(1)
    dataset = load_dataset(given.data)
    found: dict[str, Any] = {}
    for argument in given.corpora:
        corpus, folder, names = argument.split("=")
        models = [checkpoint.find(name) for name in names.split(",")]
        side = side_of(models, dataset, load_dataset([f"{corpus}={folder}"], for_training=False))
        labels = checkpoint.read_config(models[0]).labels
        logits = side.logits()
        calibration.write(calibration.LOGITS / given.name / f"no-{corpus}.csv", side.utterances, labels, logits)
        plain = figures_of(labels, side.utterances, logits)[corpus]
        adapted = figures_of(labels, side.utterances, side.logits(SHRINKAGE, by="corpus"))[corpus]
        found[corpus] = {
            "seeds averaged": len(models),
            "trained on": checkpoint.read_config(models[0]).training["corpora"],
            "without adaptation": plain["UAR among its labels"],
            "as answered": plain["UAR as answered"],
            "adapted by corpus": adapted["UAR among its labels"],
            "adapted by speaker": figures_of(labels, side.utterances, side.logits(SHRINKAGE))[corpus][
                "UAR among its labels"
            ],
        }
        print(corpus, found[corpus], flush=True)
    protocol = f"adapted: to all unlabelled recordings of the corpus or speaker, shrinkage {SHRINKAGE:g} windows"
    keep(RECORDS / f"left-out-{given.name}.json", {"protocol": protocol, "corpora": found})


if __name__ == "__main__":
    main()
