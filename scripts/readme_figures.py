"""Insert the bundled model's figures into README.md and docs/ from the committed records.

    python -m scripts.readme_figures            # write
    python -m scripts.readme_figures --check    # exit with 1 and name the pages that are out of date

A page holds a figure between two comments: ``<!-- figure:uar -->70.2 %<!-- /figure -->``. ``figures`` lists the names.
``training/model_card.py`` writes the model card, which has more of them.
"""

import argparse
import json
import re
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
RECORDS = ROOT / "training" / "records"
CORPORA = {"tess": "TESS", "emodb": "EmoDB", "savee": "SAVEE"}
_FIGURE = re.compile(r"(<!-- figure:([\w-]+) -->).*?(<!-- /figure -->)", flags=re.DOTALL)


def main() -> None:
    """Write the pages, or check them."""
    parser = argparse.ArgumentParser(description="Insert the bundled model's figures into README.md and docs/.")
    parser.add_argument("--check", action="store_true", help="Do not write; exit with 1 if a page is out of date.")
    check = parser.parse_args().check
    stale = outdated()
    for page, text in stale.items():
        print(f"{page.relative_to(ROOT)}: {'out of date' if check else 'written'}")
        if not check:
            page.write_text(text, "utf-8")
    if check and stale:
        raise SystemExit(1)


def outdated() -> dict[Path, str]:
    """Return the pages whose figures differ from the records, with the text that they should have."""
    values = figures()
    pages = {page: page.read_text("utf-8") for page in (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))}
    filled = {page: fill(text, values) for page, text in pages.items()}
    return {page: text for page, text in filled.items() if text != pages[page]}


def fill(text: str, values: dict[str, str]) -> str:
    """Return the text with each figure replaced by its value; KeyError for a name that is not in ``values``."""
    return _FIGURE.sub(lambda match: f"{match[1]}{values[match[2]]}{match[3]}", text)


def figures() -> dict[str, str]:
    """Return every figure by its name, as a page shows it."""
    record = _read("bundled-default.json")
    plain, adapted = record["without adaptation"], record["adapted by speaker"]
    left_out = _read("left-out-default.json")["corpora"]
    bundled = ROOT / "audio_emotion" / "weights" / "default"
    config = json.loads((bundled / "config.json").read_text("utf-8"))
    return {
        "uar": _percent(plain["ravdess"]["mean of folds"]),
        "accuracy": _percent(plain["ravdess"]["accuracy"]),
        "uar-adapted": _percent(adapted["ravdess"]["mean of folds"]),
        "crema-d-uar": _percent(plain["crema-d"]["mean of folds"]),
        "crema-d-uar-adapted": _percent(adapted["crema-d"]["mean of folds"]),
        "elsewhere": ", ".join(
            f"{_percent(figures['without adaptation'])} on {CORPORA[name]}" for name, figures in left_out.items()
        ),
        "open-crema-d-uar": _percent(_read("bundled-open.json")["without adaptation"]["crema-d"]["mean of folds"]),
        "speakers": str(len(config["training"]["speakers"]["train"])),
        "weights": f"{(bundled / 'model.int8.onnx').stat().st_size / 1e6:.0f} MB",  # the file that infer reads on a CPU
    }


def _read(name: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((RECORDS / name).read_text("utf-8"))
    return content


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


if __name__ == "__main__":
    main()
