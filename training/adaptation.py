"""How many recordings of a speaker adaptation needs, and what happens if all of them have one emotion.

    python training/adaptation.py RUN --data ravdess=D/ravdess-speech --data crema-d=D/crema-d ...    # a run of folds

For each speaker of CREMA-D that a fold of the run was not trained on, K recordings are drawn, the
model is adapted to them without their labels, and the speaker's other recordings are tested: once with recordings of
any emotion, once with recordings of one emotion (all of them, where the speaker has fewer than K). The same recordings
tested without adaptation are the baseline. UAR is that among the corpus's own labels; calm counts as neutral. Intervals
are over speakers (bootstrap, 95 %). Writes training/records/adaptation.json, and the table of docs/adaptation.md.
"""

import argparse
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from bundle import Tested, folders_by_fold, side_of

from audio_emotion.core.types import FloatArray, IntArray
from audio_emotion.models import checkpoint
from audio_emotion.training.dataset import load_dataset

RECORD = Path(__file__).parent / "records" / "adaptation.json"
PAGE = Path(__file__).parent.parent / "docs" / "adaptation.md"
COUNTS, SHRINKAGES, DRAWS = (5, 10, 20), (0, 5, 10, 15, 20, 30), 5
CORPUS = "crema-d"
CASES = ("any emotion", "one emotion")


@dataclass(frozen=True, eq=False)
class Vectors:
    """The pooled vectors of the recordings that a model was not trained on.

    Attributes:
        pooled: of each window, (n_windows, n_pooled).
        owners: the number of the recording that each window belongs to, (n_windows,).
        targets: the index of each recording's label, (n_recordings,).
        speakers: of each recording.
        mean: of the training data, (n_pooled,).
        head: pooled vectors → logits, (n, n_pooled) → (n, n_labels).
    """

    pooled: FloatArray
    owners: IntArray
    targets: IntArray
    speakers: npt.NDArray[np.str_]
    mean: FloatArray
    head: Callable[[FloatArray], FloatArray]


@dataclass(eq=False)
class Tally:
    """Right answers of one condition: recordings of each speaker, (n_speakers, n_labels), and how many were right."""

    total: npt.NDArray[np.float64]
    right: npt.NDArray[np.float64]

    def uar(self, weights: npt.NDArray[np.float64] | None = None) -> float:
        """Return the UAR, in percent, with speakers weighted (by how often a bootstrap drew them)."""
        weights = np.ones(len(self.total)) if weights is None else weights
        total, right = weights @ self.total, weights @ self.right
        return 100 * float((right[total > 0] / total[total > 0]).mean())


def draws(vectors: Vectors, speaker: str, case: str, count: int, rng: np.random.Generator) -> Iterator[IntArray]:
    """Yield the recordings to adapt to; with ``one emotion``, a set for each emotion of the speaker."""
    own = np.flatnonzero(vectors.speakers == speaker)
    for _ in range(DRAWS):
        if case == "any emotion":
            yield rng.choice(own, min(count, len(own) // 2), replace=False)
            continue
        for target in np.unique(vectors.targets[own]):
            same = own[vectors.targets[own] == target]
            yield rng.choice(same, min(count, len(same)), replace=False)


def answers(
    vectors: Vectors, recordings: IntArray, shift: FloatArray, allowed: Sequence[int], as_label: IntArray
) -> IntArray:
    """Return the predicted label of each recording: the mean over its windows, among the allowed labels."""
    own = np.isin(vectors.owners, recordings)
    logits = vectors.head(vectors.pooled[own] + shift)
    places = np.searchsorted(recordings, vectors.owners[own])
    summed = np.zeros((len(recordings), logits.shape[1]))
    np.add.at(summed, places, logits)
    means = summed / np.bincount(places, minlength=len(recordings))[:, None]
    return as_label[np.array(allowed)[means[:, allowed].argmax(axis=1)]]


def study(sets: Sequence[Vectors], labels: Sequence[str]) -> dict[str, Any]:
    """Return the UAR of each case, number of recordings and shrinkage, over all sets, each with speakers of its own."""
    n_labels = len(labels)
    present = sorted({int(target) for vectors in sets for target in vectors.targets})
    allowed, as_label = list(present), np.arange(n_labels)
    if "calm" in labels and labels.index("calm") not in present:
        calm, neutral = labels.index("calm"), labels.index("neutral")
        allowed, as_label = sorted([*present, calm]), np.where(as_label == calm, neutral, as_label)
    names = [(vectors, speaker) for vectors in sets for speaker in np.unique(vectors.speakers)]
    record: dict[str, Any] = {"speakers": len(names), "recordings": sum(len(v.targets) for v in sets)}
    for case in CASES:
        for count in COUNTS:
            rng = np.random.default_rng(count)
            tallies = {k: Tally(*np.zeros((2, len(names), n_labels))) for k in ("none", *SHRINKAGES)}
            for number, (vectors, speaker) in enumerate(names):
                own = np.flatnonzero(vectors.speakers == speaker)
                for drawn in draws(vectors, speaker, case, count, rng):
                    tested = np.setdiff1d(own, drawn)
                    windows = vectors.pooled[np.isin(vectors.owners, drawn)]
                    way = vectors.mean - windows.mean(axis=0)
                    for name, tally in tallies.items():
                        share = 0.0 if name == "none" else len(windows) / (len(windows) + float(name))
                        found = answers(vectors, tested, np.float32(share) * way, allowed, as_label)
                        targets = vectors.targets[tested]
                        tally.total[number] += np.bincount(targets, minlength=n_labels)
                        tally.right[number] += np.bincount(targets[found == targets], minlength=n_labels)
            record[f"{case}, {count} recordings"] = row = _row(tallies)
            print(case, count, row, flush=True)
    return record


def _row(tallies: dict[str | int, Tally]) -> dict[str, Any]:
    """Return the UAR without adaptation, and with each shrinkage, with the gain and its interval."""
    rng = np.random.default_rng(0)
    n = len(tallies["none"].total)
    weights = [np.bincount(rng.integers(0, n, n), minlength=n).astype(float) for _ in range(1_000)]
    none = tallies["none"]
    row: dict[str, Any] = {"none": round(none.uar(), 1)}
    for name, tally in tallies.items():
        if name != "none":
            gains = [tally.uar(w) - none.uar(w) for w in weights]
            row[f"shrinkage {name}"] = {
                "uar": round(tally.uar(), 1),
                "gain": round(tally.uar() - none.uar(), 1),
                "gain 95 %": [round(float(q), 1) for q in np.quantile(gains, (0.025, 0.975))],
            }
    return row


def vectors_of(side: Tested, labels: Sequence[str]) -> Vectors:
    """Return the vectors of the recordings of CREMA-D on a fold's test set."""
    rows = [number for number, utterance in enumerate(side.utterances) if utterance.corpus == CORPUS]
    own = np.isin(side.owners, rows)
    utterances = [side.utterances[number] for number in rows]

    @torch.inference_mode()
    def head(pooled: FloatArray) -> FloatArray:
        logits: FloatArray = side.head(torch.from_numpy(pooled)).numpy()
        return logits

    return Vectors(
        side.pooled[own],
        np.searchsorted(rows, side.owners[own]),
        np.array([labels.index(utterance.label) for utterance in utterances]),
        np.array([utterance.speaker for utterance in utterances]),
        side.mean,
        head,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", help="name of a run of folds")
    parser.add_argument("--data", action="append", required=True, help="the corpora of the trainings")
    given = parser.parse_args()
    torch.set_num_threads(1)
    dataset, folds = load_dataset(given.data), list(folders_by_fold(given.run).values())
    labels = checkpoint.read_config(folds[0][0]).labels
    described = {f.parent.name: checkpoint.read_config(f).sha256 for folders in folds for f in folders}
    sets = [vectors_of(side_of(folders, dataset), labels) for folders in folds]
    record = {"corpus": CORPUS, "run": given.run, "models": described, **study(sets, labels)}
    RECORD.write_text(json.dumps(record, indent=1) + "\n", "utf-8")
    write_table(record)


def write_table(record: Mapping[str, Any]) -> None:
    """Put the table of a record into ``docs/adaptation.md``."""
    shown = [f"shrinkage {n}" for n in SHRINKAGES if n]
    rows = [
        f"UAR in percent on the other recordings of {record['speakers']} speakers of CREMA-D whom the model was not "
        f"trained on ({record['recordings']:,} recordings, six emotions; `training/records/adaptation.json`):",
        "",
        f"| recordings adapted to | none | {' | '.join(shown)} |",
        "|---" * (2 + len(shown)) + "|",
    ]
    for case in CASES:
        for count in COUNTS:
            row = record[f"{case}, {count} recordings"]
            cells = [str(row["none"]), *(f"{row[name]['uar']} ({row[name]['gain']:+.1f})" for name in shown)]
            rows.append(f"| {count}, {case} | {' | '.join(cells)} |")
    begin, end = "<!-- adaptation:begin -->", "<!-- adaptation:end -->"
    text = PAGE.read_text("utf-8")
    before, _, rest = text.partition(begin)
    PAGE.write_text(before + "\n".join([begin, *rows, end]) + rest.partition(end)[2], "utf-8")


if __name__ == "__main__":
    main()
