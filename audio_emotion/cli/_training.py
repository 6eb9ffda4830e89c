"""The implementation of ``train``."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from audio_emotion.cli._app import progress_bars, tell_left_out
from audio_emotion.cli._messages import note
from audio_emotion.core.errors import UsageError
from audio_emotion.core.paths import display_path

if TYPE_CHECKING:
    from audio_emotion.corpora.base import Progress, Utterance
    from audio_emotion.corpora.splits import Split
    from audio_emotion.training import TrainConfig
    from audio_emotion.training.cross_validation import FoldsPlan
    from audio_emotion.training.dataset import Dataset
    from audio_emotion.training.job import DataOptions, TrainResult
    from audio_emotion.training.run_dir import Keeping


def check(folds: str | None, without: dict[str, object], only_with: dict[str, object]) -> None:
    """Refuse options that would be ignored."""
    from audio_emotion.training.accelerator import n_processes

    wrong = [option for option, value in (without if folds else only_with).items() if value]
    if wrong and folds:
        raise UsageError(f"--folds cannot be used with {', '.join(wrong)}; remove one of them")
    if folds and n_processes() > 1:
        raise UsageError("--folds starts its own processes (--jobs); run it without a launcher")
    if wrong:
        raise UsageError(
            f"{', '.join(wrong)} needs --folds; for a report on a single model, use 'audio-emotion evaluate'"
        )


def dry_run(options: "DataOptions", config: "TrainConfig", folds: str | None, device: str) -> None:
    """Print the run as a config file, with its data and cost as comments."""
    from audio_emotion.training.estimate import estimate

    with progress_bars() as progress:
        first = replace(options, split=f"{folds}-1") if folds else options
        dataset, split = _load(first, config, progress)
        plan = estimate(dataset, split, config, device)
    print(config.resolved().to_toml(), end="")
    print("\n".join(f"# {line}" for line in ["", *plan.lines()]))


def _load(options: "DataOptions", config: "TrainConfig", progress: "Progress") -> "tuple[Dataset, Split]":
    """Decode the recordings, note which cannot be used, and split the rest."""
    from audio_emotion.corpora.sources import parse_sources
    from audio_emotion.training.accelerator import is_main
    from audio_emotion.training.dataset import load_dataset
    from audio_emotion.training.train import split_dataset

    dataset = load_dataset(options.data, options.labels, options.strict, progress, config.rate)
    if is_main():
        tell_left_out(dataset.left_out)
        if options.data:
            read_as = ", ".join(
                f"{display_path(source.path)} as {source.adapter.name}" for source in parse_sources(options.data)
            )
            note(f"{len(dataset.corpus.utterances)} recordings; read {read_as}")
        for remark in dataset.corpus.notes:
            note(remark)
    tested = None
    if options.test_data:
        tested = load_dataset(
            options.test_data, options.labels, options.strict, progress, config.rate, for_training=False
        )
        if is_main():
            tell_left_out(tested.left_out)
    split = split_dataset(dataset, options, config, tested)
    if is_main():
        _caution((*split.train, *split.validation, *split.test), split.test)
    return dataset, split


def _caution(utterances: "Sequence[Utterance]", tested: "Sequence[Utterance]") -> None:
    """Note what few recordings mean for the figures."""
    from audio_emotion.training.cautions import data_warnings

    for caution in data_warnings(utterances, tested):
        note(f"warning: {caution}")


def train_one(options: "DataOptions", name: str, config: "TrainConfig", device: str, keeping: "Keeping") -> None:
    """Train one model, and print what it reached on its test set."""
    from audio_emotion.training.accelerator import is_main
    from audio_emotion.training.job import TrainJob
    from audio_emotion.training.train import run_job

    with progress_bars(quiet=not is_main()) as progress:
        job = TrainJob.named(name, *_load(options, config, progress), config)
        trained = run_job(replace(job, device=device, progress=_telling(progress), keeping=keeping))
    if is_main():
        _print_result(trained, name)


def _print_result(trained: "TrainResult", name: str) -> None:
    from audio_emotion.evaluation.report import corpus_table, short_figures

    evaluation = trained.evaluation
    if evaluation is None:
        print("No test set: all utterances were used for training.")
    else:
        print(evaluation.table())
        print(f"Protocol: {trained.split.protocol}, {len(trained.split.test)} test utterances")
        print(short_figures(evaluation))
        if len({utterance.corpus for utterance in evaluation.utterances}) > 1:
            print(corpus_table(evaluation))
    print(f"Log and curves in {trained.run_folder}")
    print(f"Stored in {trained.folder}; use it with: audio-emotion infer FILE --model {name}")


def _telling(progress: "Progress") -> "Progress":
    """Note that a run continues, on a terminal or not; show the rest as it is."""
    from audio_emotion.training.train import RESUMED

    def watch(stage: str, done: int, total: int, remark: str) -> None:
        if stage == RESUMED:
            note(f"{remark}: resumed after epoch {done} of at most {total}")
        else:
            progress(stage, done, total, remark)

    return watch


def train_folds(plan: "FoldsPlan", restart: bool, html: Path | None, as_json: bool) -> None:
    """Run the folds; print the UAR of each run, mean and deviation over seeds, and the metrics of all test sets."""
    from audio_emotion.evaluation import html_report, report
    from audio_emotion.evaluation.report import size
    from audio_emotion.training.cross_validation import fold_means, histories, reports, run_folds
    from audio_emotion.training.dataset import load_dataset

    with progress_bars() as progress:
        material = load_dataset(plan.data, plan.labels, plan.strict, progress, plan.config.rate)
        tell_left_out(material.left_out)
        runs = run_folds(plan, material, restart, progress)
    _caution(material.corpus.utterances, material.corpus.utterances)
    made, summary = reports(plan, runs, material.corpus.names), fold_means(runs)
    if html:
        html_report.write(html, made, summary, histories(plan, runs))
    if as_json:
        print(report.to_json(made, summary))
        return
    for run in runs:
        evaluation = run.evaluation
        remark = f" (every answer is {evaluation.only_answer})" if evaluation.only_answer else ""
        print(
            f"{run.split}, seed {run.seed}: UAR {100 * evaluation.uar:.2f} %, "
            f"WA {100 * evaluation.accuracy:.2f} %, {size(evaluation)}{remark}"
        )
    print(report.text(made, summary), end="")
    print(f"Stored in {plan.folder}")
