"""Train and measure the two-channel CNN; write the records that its figures come from.

    python training/two_channel_cnn.py                  # every protocol, then the bundled model
    python training/two_channel_cnn.py random emobox-5  # some of them

For each protocol a model is trained with the default options for a fixed number of epochs, nothing being chosen on
held-out data. It is stored as ``two-channel-cnn-PROTOCOL``, and the stored model answers the test side, as ``infer``
does. ``all`` trains the bundled model on every speaker: its temperature is fitted on what the folds' models said of
their test sides, and its card shows the folds' figures.
"""

import argparse
import json
import shutil
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from audio_emotion import card, checkpoint, paths
from audio_emotion.evaluation import fit_temperature
from audio_emotion.fitting import TrainConfig
from audio_emotion.prediction import load_model
from audio_emotion.training import Trained, train

NAME = "two-channel-cnn"
RECORDS = Path(__file__).parent / "records" / NAME
FOLDS = tuple(f"emobox-{fold}" for fold in range(1, 6))


def run(protocol: str, seed: int) -> None:
    """Train and test under one protocol; write its record."""
    began = time.monotonic()
    name = f"{NAME}-{protocol}-{seed}"
    trained = train(name=name, split=protocol, config=TrainConfig(patience=0, seed=seed), progress=show)
    if protocol == "all":
        bundle(trained.folder)
    description = checkpoint.read_config(trained.folder)
    record = {
        "name": name,
        "figures": description.figures,
        "temperature": description.temperature,
        "training": description.training,
        "sha256": description.sha256,
        "loss": [round(epoch.loss, 4) for epoch in trained.history],
        "seconds": round(time.monotonic() - began),
        "threads": torch.get_num_threads(),
        "held_out": held_out(trained),
    }
    RECORDS.mkdir(parents=True, exist_ok=True)
    (RECORDS / f"{protocol}-{seed}.json").write_text(json.dumps(record, indent=1) + "\n", "utf-8")
    print(protocol, seed, record["figures"], flush=True)


def held_out(trained: Trained) -> list[dict[str, object]]:
    """Return what the model says of each test utterance: the log of each probability."""
    model = load_model(str(trained.folder), "cpu")
    said = [(u, model.predict(u.path).scores.values()) for u in trained.split.test]
    return [
        {"file": u.path.stem, "label": u.label, "log": [round(float(np.log(p)), 3) for p in probabilities]}
        for u, probabilities in said
    ]


def bundle(folder: Path) -> None:
    """Give the model trained on everybody its temperature and the folds' figures, and put it into the package."""
    config = checkpoint.read(folder)
    records = [json.loads(path.read_text("utf-8")) for fold in FOLDS for path in sorted(RECORDS.glob(f"{fold}-*.json"))]
    answers = [answer for record in records for answer in record["held_out"]]
    targets = [config.labels.index(answer["label"]) for answer in answers]
    uars = [record["figures"]["UAR"] for record in records]
    figures = {
        "protocol": f"this recipe on EmoBox folds 1-5 of RAVDESS speech, speaker-independent, {len(records)} runs",
        "test utterances": len(answers),
        "UAR": float(np.mean(uars)),
        "UAR by run": ", ".join(f"{100 * uar:.1f}" for uar in uars),
        "accuracy": float(np.mean([record["figures"]["accuracy"] for record in records])),
    }
    temperature = fit_temperature(np.array([answer["log"] for answer in answers]), targets)
    config = replace(config, name=NAME, temperature=temperature, figures=figures)
    checkpoint.write(folder, config, card.render(config))
    with paths.writing(paths.bundled_model_dir()) as target:
        shutil.copytree(folder, target, dirs_exist_ok=True)


def show(stage: str, done: int, total: int, remark: str) -> None:
    if stage == "training":
        print(f"epoch {done}/{total} {remark}", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("protocols", nargs="*", default=["random", *FOLDS, "all"])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=2, help="one for each job where jobs run side by side")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    for protocol in arguments.protocols:
        run(protocol, arguments.seed)
