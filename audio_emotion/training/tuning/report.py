"""The results of a search: a table of trials, plots, and the best trial as a config."""

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from audio_emotion.core import paths
from audio_emotion.core.errors import UsageError
from audio_emotion.evaluation import plots
from audio_emotion.evaluation.report import Table, percent
from audio_emotion.training.tuning.space import Dimension, Space
from audio_emotion.training.tuning.trials import PLAN, Record, Tried, folder_of


@dataclass(frozen=True)
class Findings:
    """The state of a search.

    Attributes:
        name: the search's.
        protocol: how its figures may be called.
        space: what is searched.
        trials: every one that was begun, the best first.
        importances: by setting, how much of the UAR's spread it explains; empty before four trials are complete.
    """

    name: str
    protocol: str
    space: Space
    trials: tuple[Tried, ...]
    importances: dict[str, float]

    @cached_property
    def best(self) -> Tried:
        """The complete trial with the highest UAR.

        Raises:
            UsageError: none is complete.
        """
        if not self.trials or self.trials[0].state != "complete":
            raise UsageError(f"no trial of {self.name!r} is complete; go on with 'audio-emotion tune run'")
        return self.trials[0]

    def text(self) -> str:
        """Return the trials as a table, and what matters among the settings."""
        keys = [dimension.key for dimension in self.space.dimensions]
        rows = tuple(
            (
                str(trial.number),
                trial.state,
                "" if trial.uar is None else percent(trial.uar),
                " ".join(map(percent, trial.folds)),
                f"{trial.seconds:.0f}",
                *(_shown(trial.parameters[key]) if key in trial.parameters else "" for key in keys),
            )
            for trial in self.trials
        )
        blocks = [str(Table(f"Search {self.name}", ("trial", "state", "UAR %", "by fold", "s", *keys), rows))]
        if self.importances:
            spread = tuple((key, percent(share)) for key, share in self.importances.items())
            blocks.append(str(Table("What the UAR depends on", ("setting", "% of its spread"), spread)))
        blocks += [f"Trial {trial.number} failed: {trial.problem}" for trial in self.trials if trial.problem]
        return "\n\n".join([*blocks, f"Protocol: {self.protocol}"]) + "\n"

    def as_dict(self) -> dict[str, Any]:
        """Return the same as plain values for JSON."""
        trials = [
            {
                "number": trial.number,
                "state": trial.state,
                "uar": trial.uar,
                "folds": list(trial.folds),
                "seconds": trial.seconds,
                "settings": {
                    d.key: d.value(trial.parameters[d.key]) for d in self.space.dimensions if d.key in trial.parameters
                },
                "problem": trial.problem,
            }
            for trial in self.trials
        ]
        return {
            "name": self.name,
            "protocol": self.protocol,
            "trials": trials,
            "importances": self.importances,
        }

    def toml(self) -> str:
        """Return the best trial as a config file.

        Raises:
            UsageError: none is complete.
        """
        best = self.best
        assert best.uar is not None
        config = self.space.config(best.parameters).to_toml()
        return (
            f"# Search {self.name}, trial {best.number} of {len(self.trials)}: UAR {percent(best.uar)} %, the highest\n"
            f"# of all and so above what it reaches on others. Protocol: {self.protocol}.\n{config}"
        )

    def draw(self, folder: Path) -> list[Path]:
        """Write the plots as SVG into a folder; return them.

        Raises:
            StorageError: they cannot be written.
        """
        judged = sorted((t for t in self.trials if t.uar is not None and t.state != "running"), key=lambda t: t.number)
        values = {trial.number: 100 * (trial.uar or 0.0) for trial in judged}
        full = {trial.number for trial in judged if trial.state == "complete"}
        drawn = {"history.svg": plots.search_history(values, full, plots.LIGHT)}
        slices = {
            dimension.key: plots.Slice(
                {
                    t.number: _shown(t.parameters[dimension.key]) if dimension.choices else t.parameters[dimension.key]
                    for t in judged
                    if dimension.key in t.parameters
                },
                tuple(map(_shown, dimension.names)),
                dimension.log,
            )
            for dimension in self.space.dimensions
        }
        drawn["slices.svg"] = plots.search_slices(values, full, slices, plots.LIGHT)
        for name, svg in drawn.items():
            with paths.writing_file(folder / name) as sibling:
                sibling.write_text(svg, "utf-8")
        return [folder / name for name in drawn]


def findings(name: str) -> Findings:
    """Read a search.

    Raises:
        UsageError: there is none of that name, or Optuna is not installed.
        StorageError: its record is damaged.
    """
    folder = folder_of(name)
    try:
        mark = json.loads((folder / PLAN).read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(f"no search {name!r} in {folder.parent}; start one with 'tune run'") from error
    dimensions = (Dimension(**{**entry, "choices": tuple(entry["choices"])}) for entry in mark["search"])
    record = Record(folder)
    space = Space(mark["base"], tuple(dimensions))
    return Findings(name, mark["protocol"], space, tuple(record.tried()), record.importances())


def _shown(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
