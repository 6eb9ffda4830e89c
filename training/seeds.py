"""What the seeds of the bundled recipe say by themselves and together, on the test speakers of EmoBox folds 1-5.

    python training/compare.py --models speech-embedding --seeds 3     # the folds, if they have no records yet
    python training/seeds.py

Together is the mean of the log-probabilities of a fold's models: what an ensemble of as many networks would answer, for
as many times the cost; with another architecture, the same of two models of one seed. Nothing is chosen by it. Writes
training/records/seeds.json.
"""

import json
from collections import defaultdict
from pathlib import Path

import numpy as np
from compare import keep
from fold_records import NAME, folds
from sklearn.metrics import recall_score

OTHER = "two-channel-cnn"
LEAST = ("emobox-1", "emobox-4", "emobox-5")
"""Folds whose test actors judged the averaging of weights alone (``nested.py``); all judged ``records/frozen.json``."""
RECORD = Path(__file__).parent / "records" / "seeds.json"


def uar(log: np.ndarray, targets: np.ndarray) -> float:
    return float(recall_score(targets, log.argmax(axis=1), average="macro"))


def paired() -> dict[str, float]:
    """Return, by seed, the mean UAR over folds of a model and one of the other architecture together."""
    mine, others = ({(run.split, run.seed): run for run in folds(name)} for name in (NAME, OTHER))
    found = defaultdict(list)
    for split, seed in sorted(mine.keys() & others.keys()):
        one, other = mine[split, seed], others[split, seed]
        found[str(seed)].append(uar(one.log + other.log, one.targets))
    return {seed: round(float(np.mean(uars)), 4) for seed, uars in found.items()}


def main() -> None:
    by_split, by_seed = defaultdict(list), defaultdict(list)
    for fold in folds():
        by_split[fold.split].append(fold)
        by_seed[fold.seed].append(fold.figures["uar"])
    together = [uar(np.sum([run.log for run in runs], axis=0), runs[0].targets) for runs in by_split.values()]
    means = {seed: float(np.mean(uars)) for seed, uars in by_seed.items()}
    least = [run.figures["uar"] for split in LEAST for run in by_split[split]]
    record = {
        "UAR by seed": {seed: round(mean, 4) for seed, mean in means.items()},
        "mean": round(float(np.mean(list(means.values()))), 4),
        "SD over seeds": round(float(np.std(list(means.values()), ddof=1)), 4),
        "together, by fold": {split: round(one, 4) for split, one in zip(by_split, together, strict=True)},
        "together": round(float(np.mean(together)), 4),
        f"with {OTHER}, by seed": paired(),
        "mean of folds 1, 4 and 5": round(float(np.mean(least)), 4),
    }
    keep(RECORD, record)
    print(json.dumps(record, indent=1))


if __name__ == "__main__":
    main()
