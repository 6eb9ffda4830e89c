"""The implementation of ``train``."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from audio_emotion.cli._app import note, progress_bars, tell_left_out
from audio_emotion.core.errors import UsageError
from audio_emotion.core.paths import display_path

if TYPE_CHECKING:
    from audio_emotion.corpora.base import Progress, Utterance
    from audio_emotion.corpora.splits import Split
    from audio_emotion.training import TrainConfig
    from audio_emotion.training.cross_validation import FoldsPlan
    from audio_emotion.training.dataset import Dataset
    from audio_emotion.training.run_dir import Keeping


@dataclass(frozen=True)
class DataOptions:
    """The options about recordings and device, which are not part of a config."""

    data: tuple[str, ...]
    test_data: tuple[str, ...]
    split: str
    labels: str
    device: str
    allow_missing: bool
    strict: bool


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


def dry_run(what: DataOptions, config: "TrainConfig", folds: str | None) -> None:
    """Print the run as a config file, with its data and cost as comments."""
    from audio_emotion.training.estimate import estimate

    with progress_bars() as progress:
        material, assignment = _material(what, config, progress, f"{folds}-1" if folds else what.split)
        plan = estimate(material, assignment, config, what.device)
    print(config.resolved().to_toml(), end="")
    print("\n".join(f"# {line}" for line in ["", *plan.lines()]))


def _material(what: DataOptions, config: "TrainConfig", progress: "Progress", split: str) -> "tuple[Dataset, Split]":
    """Decode the recordings, report those that cannot be used, and split the rest."""
    from audio_emotion.corpora.sources import parse_sources
    from audio_emotion.corpora.splits import cross_corpus, split_utterances
    from audio_emotion.training.accelerator import is_main
    from audio_emotion.training.dataset import load_dataset

    validate = config.patience > 0
    material = load_dataset(what.data, what.labels, what.strict, progress, config.rate)
    if is_main():
        tell_left_out(material.left_out)
        if what.data:
            read_as = ", ".join(
                f"{display_path(source.path)} as {source.adapter.name}" for source in parse_sources(what.data)
            )
            note(f"{len(material.corpus.utterances)} recordings; read {read_as}")
        for remark in material.corpus.notes:
            note(remark)
    utterances = material.corpus.utterances
    if what.test_data:
        tested = load_dataset(what.test_data, what.labels, what.strict, progress, config.rate, for_training=False)
        if is_main():
            tell_left_out(tested.left_out)
        assignment = cross_corpus(utterances, tested.corpus.utterances, config.seed, validate)
    else:
        assignment = split_utterances(split, utterances, config.seed, validate, what.allow_missing)
    if is_main():
        _caution((*assignment.train, *assignment.validation, *assignment.test))
    return material, assignment


def _caution(utterances: "Sequence[Utterance]") -> None:
    """Warn on stderr if there are few recordings."""
    from audio_emotion.training.cautions import data_warnings

    for caution in data_warnings(utterances):
        note(f"warning: {caution}")


def train_one(what: DataOptions, name: str, config: "TrainConfig", keeping: "Keeping") -> None:
    from audio_emotion.training.accelerator import is_main
    from audio_emotion.training.train import train_material

    with progress_bars(quiet=not is_main()) as progress:
        material, split = _material(what, config, progress, what.split)
        watching = _telling(progress)
        trained = train_material(material, name, split, config, what.device, progress=watching, keeping=keeping)
    if not is_main():
        return
    if trained.evaluation is None:
        print("No test side: all utterances were used for training.")
    else:
        print(trained.evaluation.table())
        print(f"Protocol: {trained.split.protocol}, {len(trained.split.test)} test utterances")
        print(f"UAR {100 * trained.evaluation.uar:.2f} %, accuracy {100 * trained.evaluation.accuracy:.2f} %")
    print(f"Log and curves in {trained.run_folder}")
    print(f"Stored in {trained.folder}; use it with: audio-emotion infer FILE --model {name}")


def _telling(progress: "Progress") -> "Progress":
    """Return a progress callback that also logs a resumed run."""
    from audio_emotion.training.train import TAKEN_UP

    def watch(stage: str, done: int, total: int, remark: str) -> None:
        if stage == TAKEN_UP:
            note(f"{remark}: resumed after epoch {done} of at most {total}")
        else:
            progress(stage, done, total, remark)

    return watch


def train_folds(plan: "FoldsPlan", restart: bool, html: Path | None, as_json: bool) -> None:
    """Run the folds; print the UAR of each run, mean and deviation over seeds, and the metrics of all test sides."""
    from audio_emotion.evaluation import html_report, report
    from audio_emotion.training.cross_validation import fold_means, histories, reports, run_folds
    from audio_emotion.training.dataset import load_dataset

    with progress_bars() as progress:
        material = load_dataset(plan.data, plan.labels, plan.strict, progress, plan.config.rate)
        tell_left_out(material.left_out)
        runs = run_folds(plan, material, restart, progress)
    _caution(material.corpus.utterances)
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
            f"WA {100 * evaluation.accuracy:.2f} %{remark}"
        )
    print(report.text(made, summary), end="")
    print(f"Stored in {plan.folder}")
