"""What several networks of the bench say together: the mean of their log-probabilities, for every choice of so many.

    python training/lab/together.py               # of what run.py left in build/lab
    pip install opensmile; python training/lab/together.py --functionals

With ``--functionals``, a support vector machine on eGeMAPS (Eyben et al. 2016) judges the same actors, by itself and
beside all networks, its log-probabilities weighted by 0.15, 0.3 and 0.5. Writes records/together.json.
"""

import argparse
import itertools
import json
from typing import Any

import numpy as np
from run import BANKS, FOLDS, RECORDS, described, uar
from scipy.special import log_softmax
from sklearn.calibration import CalibratedClassifierCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from audio_emotion.training.dataset import load_dataset

WEIGHTS = (0.15, 0.3, 0.5)


def mean_uar(labels: Any, said: Any) -> float:
    """Return the mean over folds; (folds, utterances) and (folds, utterances, labels)."""
    return float(np.mean([uar(a, b) for a, b in zip(labels, said, strict=True)]))


def functionals() -> Any:
    """Return a support vector machine's log-probabilities, (folds, utterances, labels)."""
    import opensmile  # noqa: PLC0415 (not among what the project needs)

    material = load_dataset(())
    utterances = sorted(material.corpus.utterances, key=lambda u: str(u.path.name))
    extract = opensmile.Smile(opensmile.FeatureSet.eGeMAPSv02, opensmile.FeatureLevel.Functionals)
    x = np.stack([extract.process_signal(material.sounds[u.digest], 16_000).to_numpy()[0] for u in utterances])
    x = np.nan_to_num(x)
    y = np.array([material.labels.labels.index(u.label) for u in utterances])
    actors = np.array([described(u)[0] for u in utterances])
    said = []
    for fold, tested in enumerate(FOLDS):
        judges = np.isin(actors, FOLDS[(fold + 1) % 5])
        heard = np.isin(actors, np.concatenate(FOLDS)) & ~judges & ~np.isin(actors, tested)
        machine = make_pipeline(StandardScaler(), SVC(class_weight="balanced"))
        fitted = CalibratedClassifierCV(machine, ensemble=False).fit(x[heard], y[heard])
        said.append(np.log(fitted.predict_proba(x[judges]) + 1e-6))
    return np.stack(said)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--functionals", action="store_true")
    given = parser.parse_args()
    names = sorted(path.stem for path in RECORDS.glob("*-[0-9]*.json") if (BANKS / f"{path.stem}.npy").exists())
    if len(names) < 5:
        parser.error(
            f"{BANKS} has the answers of {len(names)} experiments, expected 5 or more; carry them out by run.py"
        )
    answers = [np.load(BANKS / f"{name}.npy") for name in names]
    labels, logs = answers[0][:, :, 0], [log_softmax(one[:, :, 1:], axis=2) for one in answers]
    record: dict[str, Any] = {"networks": names, "mean UAR of so many together": {}}
    for count in (1, 2, 3, 5, len(logs)):
        choices = list(itertools.combinations(logs, count))
        chosen = choices[:: 1 + len(choices) // 500]
        record["mean UAR of so many together"][count] = round(
            float(np.mean([mean_uar(labels, sum(some)) for some in chosen])), 4
        )
    if given.functionals:
        machine = functionals()
        together = sum(logs) / len(logs)
        record["eGeMAPS"] = round(mean_uar(labels, machine), 4)
        record["all networks and eGeMAPS"] = {
            weight: round(mean_uar(labels, together + weight * machine), 4) for weight in WEIGHTS
        }
    (RECORDS / "together.json").write_text(json.dumps(record, indent=1) + "\n", "utf-8")
    print(json.dumps(record, indent=1))


if __name__ == "__main__":
    main()
