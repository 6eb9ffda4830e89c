"""What each form of an exported model is worth; writes benchmarks/export.json and benchmarks/export.md.

    audio-emotion train --config training/configs/speech-embedding.toml --folds emobox --allow-missing --name folds
    PYTHONPATH=training python benchmarks/export.py RUN...      # the folders of the folds' models

Each model is exported in every form. The scales of its integers come from recordings of speakers that it was trained
on; its forms are compared on the recordings of its test speakers, whom it has not heard.
"""

import argparse
import json
import platform
import statistics
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import onnxruntime
import torch
from compare import keep
from int8 import calibration as calibration_of
from scipy.special import softmax

from audio_emotion.export import bundle, calibration
from audio_emotion.export.variants import KINDS, Origin
from audio_emotion.inference.loading import load_model
from audio_emotion.models import checkpoint
from audio_emotion.training.dataset import Dataset, load_dataset

RECORD = Path(__file__).with_suffix(".json")
TABLE = Path(__file__).with_suffix(".md")
PAGE = """# Export formats compared

`audio-emotion export` on the models of {n} EmoBox folds of RAVDESS speech, each compared on its own test speakers
({utterances} utterances in total). The quantization scales come from recordings of its training speakers. Made by
`python benchmarks/export.py` with ONNX Runtime {onnxruntime} and torch {torch}, on {machine}.

*differs* and *at most* are the mean and the maximum over windows of the largest difference of a probability from the
stored model in 32-bit floats. *same* is the share of utterances with the same prediction. UAR is in %, the mean over
folds. ms is the median time for a single window of three seconds on one thread.

| format | file | KB | ms | differs | at most | same | UAR | from the model |
|---|---|---|---|---|---|---|---|---|
"""


def checked(run: Path, material: Dataset) -> dict[str, Any]:
    """Export one fold's model in every form, and compare them on its test speakers."""
    config = checkpoint.read(run)
    test = set(config.training["speakers"]["test"])
    utterances = [u for u in material.corpus.utterances if u.speaker in test]
    model = load_model(str(run), "cpu", "onnx")
    heard = calibration.recordings(model, utterances, len(utterances))
    expected = softmax(model.runtime.logits(heard.windows) / config.temperature, axis=1)
    with tempfile.TemporaryDirectory() as temporary:
        origin = Origin(run, config, calibration_of(material, config))
        found = bundle.export(origin, Path(temporary, "export"), KINDS, heard, expected)
    print(run, ", ".join(f"{one.kind} {one.uar:.3f}" for one in found), flush=True)
    return {
        "split": config.training["split"],
        "test speakers": sorted(test),
        "utterances": len(heard.targets),
        "forms": [asdict(one) for one in found],
    }


def page(record: dict[str, Any]) -> str:
    """Return the table of all folds together."""
    folds = record["folds"]
    lines = []
    for number, kind in enumerate(KINDS):
        forms = [fold["forms"][number] for fold in folds]

        def mean(name: str, forms: Sequence[dict[str, Any]] = forms) -> float:
            return statistics.mean(form[name] for form in forms)

        loss = 100 * (mean("uar") - statistics.mean(fold["forms"][0]["uar"] for fold in folds))
        lines.append(
            f"| `{kind}` | {forms[0]['file']} | {mean('size_bytes') / 1000:,.0f} "
            f"| {statistics.median(form['milliseconds'] for form in forms):.2f} | {mean('differs_mean'):.4f} "
            f"| {max(form['differs_most'] for form in forms):.4f} | {100 * mean('same'):.1f} % "
            f"| {100 * mean('uar'):.1f} | {loss:+.1f} |\n"
        )
    total = sum(fold["utterances"] for fold in folds)
    return PAGE.format(n=len(folds), utterances=total, **record["versions"]) + "".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", type=Path, metavar="RUN", help="none: the table alone")
    runs = parser.parse_args().models
    torch.set_num_threads(1)
    if runs:
        material = load_dataset(())
        versions = {
            "onnxruntime": onnxruntime.__version__,
            "torch": torch.__version__,
            "machine": f"{platform.system()} {platform.machine()}",
        }
        keep(RECORD, {"versions": versions, "folds": [checked(run, material) for run in runs]})
    TABLE.write_text(page(json.loads(RECORD.read_text("utf-8"))), "utf-8")


if __name__ == "__main__":
    main()
