"""``audio-emotion train``."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from audio_emotion.cli._app import command, progress_bars, tell_left_out
from audio_emotion.errors import UsageError

if TYPE_CHECKING:
    from audio_emotion.fitting import TrainConfig
    from audio_emotion.folds import FoldsPlan


@command
def train(
    data: Annotated[
        list[str] | None,
        typer.Option(
            help="A corpus as NAME=DIR, or a folder or table; may be given several times. Without it: RAVDESS in "
            "AUDIO_EMOTION_DATA, else what was downloaded.",
        ),
    ] = None,
    name: Annotated[str, typer.Option(help="Name to store the model under.")] = "two-channel-cnn",
    split: Annotated[
        str,
        typer.Option(help="speaker (by actor), random (speaker-dependent), all (no test side), or a fold as emobox-1."),
    ] = "speaker",
    labels: Annotated[
        str, typer.Option(help="eight, seven (calm counted as neutral), or your own, as neutral+calm,happy,sad.")
    ] = "eight",
    epochs: Annotated[int, typer.Option(help="Passes over the training side, at most.")] = 50,
    patience: Annotated[
        int,
        typer.Option(
            help="Stop after so many epochs without a better validation UAR; 0: no validation side, run every epoch."
        ),
    ] = 12,
    lr: Annotated[float, typer.Option(help="Highest learning rate of the one-cycle schedule.")] = 2e-3,
    batch_size: Annotated[int, typer.Option(help="Utterances a step.")] = 32,
    seed: Annotated[int, typer.Option(help="Of the split, the first weights and every random draw.")] = 0,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
    allow_missing: Annotated[
        bool, typer.Option(help="Run a named fold though some of its actors are missing.")
    ] = False,
    strict: Annotated[bool, typer.Option(help="End where a recording cannot be decoded.")] = False,
    test_data: Annotated[
        list[str] | None,
        typer.Option(help="Train on all of --data and test on this: a corpus, folder or table; several times."),
    ] = None,
    folds: Annotated[
        str | None,
        typer.Option(
            help="Train and test every fold of a set, and report on all: emobox, luna-jimenez, leave-one-speaker-out, "
            "5-fold, random-10-fold. A run that was stopped is taken up again.",
            rich_help_panel="Folds",
        ),
    ] = None,
    seeds: Annotated[int, typer.Option(help="Train each fold so many times.", min=1, rich_help_panel="Folds")] = 1,
    jobs: Annotated[int, typer.Option(help="Folds side by side.", min=1, rich_help_panel="Folds")] = 2,
    restart: Annotated[
        bool, typer.Option(help="Forget what an earlier run of --name has done.", rich_help_panel="Folds")
    ] = False,
    html: Annotated[
        Path | None, typer.Option(help="Write the folds' report here.", metavar="FILE", rich_help_panel="Folds")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the folds' report as JSON.", rich_help_panel="Folds")
    ] = False,
) -> None:
    """Train the two-channel CNN and store it for `infer --model NAME`."""
    from audio_emotion.fitting import TrainConfig

    config = TrainConfig(epochs=epochs, patience=patience, lr=lr, batch_size=batch_size, seed=seed)
    if folds and test_data:
        raise UsageError(
            "--folds tests on parts of --data and --test-data on another collection; leave one of them out"
        )
    if not folds and (html or as_json or restart):
        raise UsageError("--html, --json and --restart belong to --folds; 'audio-emotion evaluate' reports on a model")
    if not folds:
        _train_one(data or (), test_data, name, split, labels, config, device, allow_missing, strict)
        return
    from audio_emotion.folds import FoldsPlan

    plan = FoldsPlan(name, tuple(data or ()), folds, seeds, labels, config, device, allow_missing, strict, jobs)
    _train_folds(plan, restart, html, as_json)


def _train_one(
    data: Sequence[str],
    test_data: Sequence[str] | None,
    name: str,
    split: str,
    labels: str,
    config: "TrainConfig",
    device: str,
    allow_missing: bool,
    strict: bool,
) -> None:
    from audio_emotion.corpora.splits import Split, cross_corpus
    from audio_emotion.training import load_material, train_material

    chosen: str | Split = split
    with progress_bars() as progress:
        material = load_material(data, labels, strict, progress)
        tell_left_out(material.left_out)
        if test_data:
            tested = load_material(test_data, labels, strict, progress)
            tell_left_out(tested.left_out)
            sides = (material.corpus.utterances, tested.corpus.utterances)
            chosen = cross_corpus(*sides, config.seed, validate=config.patience > 0)
        trained = train_material(material, name, chosen, config, device, allow_missing, progress)
    if trained.evaluation is None:
        print("No test side: every utterance was trained on.")
    else:
        print(trained.evaluation.table())
        print(f"Protocol: {trained.split.protocol}, {len(trained.split.test)} test utterances")
        print(f"UAR {100 * trained.evaluation.uar:.2f} %, accuracy {100 * trained.evaluation.accuracy:.2f} %")
    print(f"Stored in {trained.folder}; use it with: audio-emotion infer FILE --model {name}")


def _train_folds(plan: "FoldsPlan", restart: bool, html: Path | None, as_json: bool) -> None:
    """Run the folds; print each run's UAR, mean and deviation over seeds, and the figures of all test sides."""
    from audio_emotion import evaluation_report, html_report
    from audio_emotion.folds import fold_means, histories, reports, run_folds
    from audio_emotion.training import load_material

    with progress_bars() as progress:
        material = load_material(plan.data, plan.labels, plan.strict, progress)
        tell_left_out(material.left_out)
        runs = run_folds(plan, material, restart, progress)
    made, summary = reports(plan, runs, material.corpus.names), fold_means(runs)
    if html:
        html_report.write(html, made, summary, histories(plan, runs))
    if as_json:
        print(evaluation_report.to_json(made, summary))
        return
    for run in runs:
        scores = run.evaluation
        print(f"{run.split}, seed {run.seed}: UAR {100 * scores.uar:.2f} %, WA {100 * scores.accuracy:.2f} %")
    print(evaluation_report.text(made, summary), end="")
    print(f"Kept in {plan.folder}")
