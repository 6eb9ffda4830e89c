"""Train and compare every architecture on RAVDESS speech: a random 80/20 split, and EmoBox's folds 1-5.

    python training/compare.py                                      # what is left of everything, then the tables
    python training/compare.py --budget-minutes 30 --jobs 2         # no run longer than that, two side by side
    python training/compare.py --models acnt cnn-1d --protocols random emobox-1 --max-epochs 20
    python training/compare.py --tables                             # the tables alone
    python training/compare.py --recipe training/configs/known-speakers.toml --records DIR --protocols random-10-fold-1

Each run follows its architecture's recipe in ``training/configs`` and leaves a record in ``training/records/compare``,
with a table of what it said of each test utterance; one that has a record (and, with ``--keep``, a model) is not run
again. A budget is kept by running fewer epochs, as many as a few measured steps say will fit, so that a schedule which
spans the epochs still comes to its end. The stored model answers the test set, as ``infer`` does. From the records
come ``benchmarks/models.md`` and what ``audio-emotion models list`` shows; not from those of another ``--recipe``,
which belong elsewhere.

Sizes and the time of a clip are measured before the first run. ``wav2vec2``, which starts from a downloaded
checkpoint, is compared when it is named.
"""

import argparse
import csv
import json
import multiprocessing
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import compare_tables
import numpy as np
import onnxruntime
import torch

from audio_emotion import models
from audio_emotion.audio.windows import pad
from audio_emotion.core import paths, schema
from audio_emotion.corpora.base import Progress
from audio_emotion.corpora.splits import Split, split_utterances
from audio_emotion.evaluation.evaluate import Evaluation
from audio_emotion.export.weights import write_weights
from audio_emotion.models import checkpoint
from audio_emotion.models.descriptors import maker
from audio_emotion.models.emotion_model import EmotionModel
from audio_emotion.training import TrainConfig
from audio_emotion.training.config import read
from audio_emotion.training.cross_validation import end_with_parent
from audio_emotion.training.dataset import Dataset, load_dataset
from audio_emotion.training.estimate import estimate
from audio_emotion.training.job import TrainJob
from audio_emotion.training.train import run_job

HERE = Path(__file__).parent
CONFIGS = HERE / "configs"
RECORDS = HERE / "records" / "compare"
PROTOCOLS = ("random", *(f"emobox-{fold}" for fold in range(1, 6)))
N_LABELS = 8
TIMED_CLIPS, CLIP_S = 30, 3


@dataclass(frozen=True)
class Run:
    """One training run.

    Attributes:
        name: the architecture.
        recipe: its config.
        protocol: a split, by name.
        seed: of the split and of every draw.
        data: corpora, as ``audio-emotion train --data`` takes them; none: RAVDESS where it is found.
        max_epochs: cap on the recipe's epochs; 0: none.
        budget_minutes: cap on the training's length; 0: none.
        threads: of torch.
        records: where its record goes.
        models: where the trained model is kept, in a folder of the record's name; None: nowhere.
    """

    name: str
    recipe: Path
    protocol: str
    seed: int
    data: tuple[str, ...]
    max_epochs: int
    budget_minutes: float
    threads: int
    records: Path
    models: Path | None

    @property
    def record(self) -> Path:
        """Where its record goes."""
        return self.records / f"{self.name}-{self.protocol}-{self.seed}.json"

    @property
    def is_done(self) -> bool:
        """Whether its record is there, and its model where that is kept."""
        return self.record.exists() and (self.models is None or (self.models / self.record.stem).exists())


def carry_out(run: Run) -> str:
    """Train, test and write the record; return what was reached, in words."""
    torch.set_num_threads(run.threads)
    recipe = read(run.recipe, {"seed": run.seed})
    material = load_dataset(run.data, sampling_rate=recipe.rate)
    split = split_utterances(run.protocol, material.corpus.utterances, run.seed, recipe.patience > 0)
    epochs = affordable_epochs(run, recipe, material, split)
    config = replace(recipe, epochs=epochs)
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        target, kept = (run.models or Path(folder, "models")) / run.record.stem, Path(folder, "run")
        job = TrainJob(run.record.stem, material, split, config, target, kept, "cpu", teller(run))
        trained = run_job(job)
        described = checkpoint.read_config(target)
    assert trained.evaluation is not None
    figures = trained.evaluation.scores()
    run.records.mkdir(parents=True, exist_ok=True)
    write_answers(run.record.with_suffix(".csv"), trained.evaluation)
    keep(
        run.record,
        {
            "architecture": run.name,
            "protocol": split.protocol,
            "split": run.protocol,
            "seed": run.seed,
            "figures": figures,
            "utterances": split.sizes,
            "epochs": {"recipe": recipe.epochs, "at most": epochs, "run": len(trained.history)},
            "caps": {"max_epochs": run.max_epochs, "budget_minutes": run.budget_minutes},
            "training_seconds": round(sum(epoch.seconds for epoch in trained.history), 1),
            "seconds": round(time.monotonic() - began, 1),
            "threads": run.threads,
            "config": schema.table_of(config.resolved()),
            "history": [asdict(epoch) for epoch in trained.history],
            "versions": described.training["versions"],
        },
    )
    return f"UAR {100 * figures['uar']:.1f} %, {len(trained.history)} of {recipe.epochs} epochs"


def write_answers(path: Path, evaluation: Evaluation) -> None:
    """Write what the stored model said of each test utterance: a row with the log of each label's probability."""
    with paths.writing_text(path) as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(["file", "label", *evaluation.labels])
        for utterance, probabilities in zip(evaluation.utterances, evaluation.probabilities, strict=True):
            rows.writerow([utterance.path.stem, utterance.label, *(f"{x:.3f}" for x in np.log(probabilities))])


def teller(run: Run) -> Progress:
    """Return what says on stderr how far a run has come."""

    def tell(stage: str, done: int, total: int, remark: str) -> None:
        if stage == "training":
            print(f"{run.record.stem}: epoch {done} of {total}, {remark}", file=sys.stderr, flush=True)

    return tell


def affordable_epochs(run: Run, recipe: TrainConfig, material: Dataset, split: Split) -> int:
    """Return how many epochs of a recipe a run may have under its caps: at least one."""
    epochs: int = min(recipe.epochs, run.max_epochs or recipe.epochs)
    if run.budget_minutes:
        cost = estimate(material, split, recipe, "cpu").cost
        epochs = min(epochs, int(60 * run.budget_minutes / (cost.steps_per_epoch * cost.seconds_per_step)))
    return max(1, epochs)


def measure(name: str, records: Path) -> None:
    """Record an architecture's size on disk and the time of a clip: its weights, trained or not, do not change them."""
    config = read(CONFIGS / f"{name}.toml")
    model = models.build(name, N_LABELS, config.parameters, config.frontend_table).eval()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        write_weights(model, folder, config.window_samples)
        sizes = {path.name: path.stat().st_size for path in sorted(folder.iterdir())}
        graph = folder / checkpoint.GRAPH
        milliseconds = round(clip_milliseconds(graph, model, config), 2) if graph.exists() else None
    content = {
        "architecture": name,
        "parameters": sum(p.numel() for p in model.parameters()),
        "bytes": sizes,
        "window_s": config.window_samples / config.rate,
        "milliseconds a clip": milliseconds,
        "measured": f"median of {TIMED_CLIPS} times {CLIP_S} s; ONNX Runtime, one thread",
    }
    keep(records / f"{name}.json", content)


def clip_milliseconds(graph: Path, model: EmotionModel, config: TrainConfig) -> float:
    """Return the median time of one clip, waveform to logits, librosa's features included where a model has them."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    known = models.entry(config.architecture)
    made = maker(known.frontend, model.frontend_config) if known.graph == "features" else lambda samples: samples
    noise = np.random.default_rng(0).standard_normal(CLIP_S * config.rate).astype(np.float32)
    window = pad(noise, config.window_samples)[None, : config.window_samples]
    seconds = []
    for _ in range(TIMED_CLIPS):
        began = time.perf_counter()
        session.run(None, {session.get_inputs()[0].name: made(window)})
        seconds.append(time.perf_counter() - began)
    return 1000 * float(np.median(seconds))


def keep(path: Path, content: dict[str, Any]) -> None:
    """Write a record whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with paths.writing_text(path) as file:
        file.write(json.dumps(content, indent=1) + "\n")


def results(runs: Sequence[Run], jobs: int) -> Iterator[tuple[Run, str | Exception]]:
    """Carry runs out, ``jobs`` side by side in processes of their own; one that fails stops no other."""
    context = multiprocessing.get_context("spawn")
    workers = ProcessPoolExecutor(jobs, context, initializer=end_with_parent, max_tasks_per_child=1)
    try:
        pending = {workers.submit(carry_out, run): run for run in runs}
        for future in as_completed(pending):
            error = future.exception()
            yield pending[future], error if isinstance(error, Exception) else future.result()
    finally:
        workers.shutdown(cancel_futures=True)


def main(arguments: Sequence[str] | None = None) -> int:
    options = parser().parse_args(arguments)
    os.environ["OMP_NUM_THREADS"] = str(options.threads)
    if options.recipe:
        if options.tables or options.records == RECORDS:
            raise SystemExit("--recipe has no tables, and needs --records of its own")
        options.models = [read(options.recipe).architecture]
    recipes = {name: options.recipe or CONFIGS / f"{name}.toml" for name in options.models}
    wanted = [
        Run(
            name,
            recipes[name],
            protocol,
            seed,
            tuple(options.data),
            options.max_epochs,
            options.budget_minutes,
            options.threads,
            options.records,
            options.keep,
        )
        for protocol in options.protocols
        for seed in range(options.seeds)
        for name in options.models
    ]
    left = [] if options.tables else [run for run in wanted if not run.is_done]
    if not options.tables:
        print(f"{len(left)} of {len(wanted)} runs are left", flush=True)
        for name in options.models if not options.recipe else ():
            if not (options.records / f"{name}.json").exists():
                measure(name, options.records)
    failed = 0
    for run, said in results(left, options.jobs):
        failed += isinstance(said, Exception)
        print(f"{run.record.stem}: {said if isinstance(said, str) else f'failed: {said!r}'}", flush=True)
        if not options.recipe:
            compare_tables.write(options.records, options.output, options.figures)
    if not options.recipe:
        compare_tables.write(options.records, options.output, options.figures)
    return 1 if failed else 0


def parser() -> argparse.ArgumentParser:
    with_recipe = [name for name in models.architectures() if (CONFIGS / f"{name}.toml").exists()]
    result = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    by_itself = [name for name in with_recipe if models.entry(name).n_parameters]  # the others need a checkpoint
    result.add_argument("--models", nargs="+", default=by_itself, choices=with_recipe, metavar="NAME")
    result.add_argument("--recipe", type=Path, metavar="FILE", help="another config in place of an architecture's own")
    result.add_argument("--protocols", nargs="+", default=PROTOCOLS, metavar="SPLIT")
    result.add_argument("--seeds", type=int, default=1, help="runs of each protocol")
    result.add_argument("--max-epochs", type=int, default=0, help="cap on every recipe's epochs")
    result.add_argument("--budget-minutes", type=float, default=0.0, help="cap on the length of a run")
    result.add_argument("--threads", type=int, default=1, help="of each run")
    result.add_argument("--jobs", type=int, default=1, help="runs side by side")
    result.add_argument("--data", nargs="+", default=(), metavar="DIR", help="RAVDESS, where it is not found by itself")
    result.add_argument("--keep", type=Path, metavar="DIR", help="where to keep the trained models")
    result.add_argument("--tables", action="store_true", help="run nothing")
    result.add_argument("--records", type=Path, default=RECORDS)
    result.add_argument("--output", type=Path, default=HERE.parent / "benchmarks" / "models.md")
    result.add_argument("--figures", type=Path, default=models.FIGURES_PATH)
    return result


if __name__ == "__main__":
    sys.exit(main())
