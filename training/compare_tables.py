"""Records of ``training/compare.py`` → ``benchmarks/models.md``, and the figures that ``models list`` shows."""

import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from audio_emotion import models

Record = dict[str, Any]

FOLDS = tuple(f"emobox-{fold}" for fold in range(1, 6))
NOT_RUN = "not run"
CLAIMS = {
    "two-channel-cnn": 70.0,
    "study-base": 29.7,
    "study-enhanced": 31.5,
    "study-ultimate": 33.3,
    "study-simplified": 50.5,
}
"""Accuracy on RAVDESS in % that a project states for its model; the others state none."""

HEAD = """# Architectures compared

RAVDESS speech, eight emotions, every architecture with its own recipe (`training/configs`). No epoch is chosen on test
data: a recipe with patience takes its validation set from the training set. Some choices for `speech-embedding` were
validated with actors who are test actors in other folds ([experiments](../training/experiments/README.md)). Made from
the records in `training/records/compare` by

```sh
python training/compare.py{caps}
```

`audio-emotion models list --architectures` shows the input of each. Times are from the machine that made the records:
training with {threads} thread(s) per run, next to other runs; inference of a single clip of 3 s, from waveform to
logits, on one thread of ONNX Runtime.
"""


def write(records: Path, output: Path, figures: Path) -> None:
    """Write both files from the available records; a cell without a run says so."""
    runs = [_read(path) for path in sorted(records.glob("*.json"))]
    runs = [run for run in runs if "split" in run]
    remarks = _read(records / "remarks.json")
    names = models.architectures()
    lines = [
        HEAD.format(caps=_caps(runs), threads=_span(run["threads"] for run in runs) or "1"),
        "## New speakers",
        "",
        "EmoBox folds 1-5: 16 actors train, 4 others are tested; mean ± SD over folds, in %.",
        "",
        *_table(INDEPENDENT, [_row(INDEPENDENT, name, runs, records) for name in names]),
        "",
        "## Known speakers",
        "",
        "A random 80/20 split, speaker-dependent, as in the original projects. This is not the accuracy for a new "
        "speaker. "
        "It is only here for comparison with the accuracy on RAVDESS that each project states (in %).",
        "",
        *_table(DEPENDENT, [_row(DEPENDENT, name, runs, records) for name in names]),
        "",
        *(f"{name}: {remark}" for name, remark in remarks.items()),
    ]
    output.write_text("\n".join(lines).rstrip() + "\n", "utf-8")
    said = {name: reached for name in names if (reached := _in_words(_of(runs, name, FOLDS)))}
    if said:
        figures.write_text(json.dumps(said, indent=1) + "\n", "utf-8")


def _read(path: Path) -> Record:
    content: Record = json.loads(path.read_text("utf-8")) if path.exists() else {}
    return content


def _of(runs: Sequence[Record], name: str, splits: Sequence[str]) -> list[Record]:
    return [run for run in runs if run["architecture"] == name and run["split"] in splits]


def _percent(figure: str) -> Callable[[list[Record], Record], str]:
    """Return a column: a figure's mean over splits (of means over seeds), and its SD over splits."""

    def told(runs: list[Record], size: Record) -> str:
        splits = sorted({run["split"] for run in runs})
        values = [np.mean([100 * run["figures"][figure] for run in runs if run["split"] == split]) for split in splits]
        if not values:
            return NOT_RUN
        return f"{np.mean(values):.1f}" + (f" ± {np.std(values, ddof=1):.1f}" if len(values) > 1 else "")

    return told


def _number(value: float | None, form: str) -> str:
    return NOT_RUN if value is None else format(value, form)


def _span(values: Iterable[float], form: str = "g") -> str:
    """Return a single value, or the minimum and the maximum."""
    told = [format(value, form) for value in sorted(values)]
    return "" if not told else told[0] if told[0] == told[-1] else f"{told[0]}-{told[-1]}"


def _epochs(runs: list[Record], size: Record) -> str:
    """Return how many of the recipe's epochs were run, and the cap that ended them."""
    if not runs:
        return NOT_RUN
    recipe = runs[0]["epochs"]["recipe"]
    caps = [
        *({f"cap {run['caps']['max_epochs']} epochs" for run in runs if run["caps"]["max_epochs"]}),
        *({f"cap {run['caps']['budget_minutes']:g} min" for run in runs if run["caps"]["budget_minutes"]}),
    ]
    done = f"{_span(run['epochs']['run'] for run in runs)} of {recipe}"
    return f"{done} ({', '.join(sorted(caps))})" if caps else done


def _runs(runs: list[Record], size: Record) -> str:
    splits, seeds = {run["split"] for run in runs}, {run["seed"] for run in runs}
    return f"{len(splits)} x {len(seeds)}" if runs else NOT_RUN


def _minutes(runs: list[Record], size: Record) -> str:
    return f"{np.mean([run['training_seconds'] for run in runs]) / 60:.1f}" if runs else NOT_RUN


def _claim(runs: list[Record], size: Record) -> str:
    return f"{CLAIMS[size['name']]:.1f}" if size["name"] in CLAIMS else "none"


def _reached(runs: list[Record], size: Record) -> str:
    if size["name"] not in CLAIMS:
        return ""
    if not runs:
        return NOT_RUN
    return "yes" if 100 * np.mean([run["figures"]["wa"] for run in runs]) >= CLAIMS[size["name"]] else "no"


Column = Callable[[list[Record], Record], str]

INDEPENDENT: dict[str, Column] = {
    "parameters": lambda runs, size: _number(size.get("parameters"), ","),
    "weights, MB": lambda runs, size: _number(_megabytes(size), ".2f"),
    "UAR": _percent("uar"),
    "WA": _percent("wa"),
    "weighted F1": _percent("weighted_f1"),
    "folds x seeds": _runs,
    "epochs": _epochs,
    "training, min per run": _minutes,
    "ms per clip": lambda runs, size: _number(size.get("milliseconds a clip"), ".1f"),
}
DEPENDENT: dict[str, Column] = {
    "stated by its project": _claim,
    "WA": _percent("wa"),
    "reached": _reached,
    "UAR": _percent("uar"),
    "weighted F1": _percent("weighted_f1"),
    "splits x seeds": _runs,
    "epochs": _epochs,
    "training, min per run": _minutes,
}


def _megabytes(size: Record) -> float | None:
    return size["bytes"]["model.safetensors"] / 1e6 if "bytes" in size else None


def _row(columns: dict[str, Column], name: str, runs: list[Record], records: Path) -> list[str]:
    mine = _of(runs, name, FOLDS if columns is INDEPENDENT else ("random",))
    size = _read(records / f"{name}.json") | {"name": name}
    return [name, *(told(mine, size) for told in columns.values())]


def _table(columns: dict[str, Column], rows: list[list[str]]) -> list[str]:
    return [
        f"| model | {' | '.join(columns)} |",
        "|---|" + "---|" * len(columns),
        *(f"| {' | '.join(row)} |" for row in rows),
    ]


def _caps(runs: Sequence[Record]) -> str:
    """Return the command-line options that the records were made with."""
    told = []
    for cap in ("max_epochs", "budget_minutes"):
        values = {run["caps"][cap] for run in runs if run["caps"][cap]}
        told += [f" --{cap.replace('_', '-')} {value:g}" for value in values] if len(values) == 1 else []
    return "".join(told)


def _in_words(runs: list[Record]) -> str:
    if not runs:
        return ""
    folds = sorted({run["split"].removeprefix("emobox-") for run in runs})
    return f"UAR {_percent('uar')(runs, {})} % (EmoBox fold(s) {', '.join(folds)})"
