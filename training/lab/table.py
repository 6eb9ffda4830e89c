"""Write the table of ``training/experiments/bench.md`` from experiments.toml and records/.

python training/lab/table.py
"""

import json
import statistics
import tomllib
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
PAGE = HERE.parent / "experiments" / "bench.md"
BEGIN, END = "<!-- lab -->", "<!-- /lab -->"
COLUMNS = (
    *("experiment", "tried", "expected", "validation UAR by fold", "mean"),
    *("10 dB noise", "telephone", "room", "parameters", "kept"),
)


def main() -> None:
    page = PAGE.read_text("utf-8")
    before, rest = page.split(BEGIN)
    PAGE.write_text(f"{before}{BEGIN}\n{table()}\n{END}{rest.split(END)[1]}", "utf-8")


def table() -> str:
    """Return a row for each experiment and seed that has a record, as the experiments stand."""
    experiments = tomllib.loads((HERE / "experiments.toml").read_text("utf-8"))
    rows = [list(COLUMNS), ["---"] * len(COLUMNS)]
    for name, experiment in experiments.items():
        paths = sorted(path for path in (HERE / "records").glob("*-*.json") if path.stem.rpartition("-")[0] == name)
        rows += [row(name, path, experiment) for path in paths]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in rows)


def row(name: str, path: Path, experiment: dict[str, Any]) -> list[str]:
    record, seed = json.loads(path.read_text("utf-8")), path.stem.rpartition("-")[2]
    hard = [percent(one) for one in record.get("hard", {}).values()] or [""] * 3
    told = [experiment["tried"], experiment["expected"]] if seed == "0" else [f"the same, seed {seed}", ""]
    mean = f"{percent(record['mean'])} ± {percent(statistics.stdev(record['uar']))}"
    folds = " ".join(percent(one) for one in record["uar"])
    kept = experiment.get("kept", "no") if seed == "0" else ""
    return [name, *told, folds, mean, *hard, f"{record['parameters']:,}", kept]


def percent(share: float) -> str:
    return f"{100 * share:.1f}"


if __name__ == "__main__":
    main()
