"""``audio-emotion train``."""

from pathlib import Path
from typing import Annotated, Any

import typer

from audio_emotion.cli import _completion, _training
from audio_emotion.cli._app import command
from audio_emotion.cli._completion import one_of
from audio_emotion.cli._options import AllowMissing, Strict


@command
def train(
    data: Annotated[
        list[str] | None,
        typer.Option(
            help="A corpus as NAME=DIR, or a folder or table; may be given several times. Without it: RAVDESS in "
            "AUDIO_EMOTION_DATA, else what was downloaded.",
            rich_help_panel="Data",
        ),
    ] = None,
    name: Annotated[
        str | None,
        typer.Option(help="Name to store the model under; without it, its architecture's.", rich_help_panel="Model"),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(
            help="A TOML file that says what the run is told; options win over it.",
            metavar="FILE",
            rich_help_panel="Training",
        ),
    ] = None,
    assignments: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            help="One setting of the config, as optimizer.weight_decay=0.05; several times.",
            rich_help_panel="Training",
        ),
    ] = None,
    begin_with: Annotated[
        str | None,
        typer.Option(
            "--from",
            help="Train a model at hand further, on your own recordings: default, a stored one's name, or a path. "
            "Without options of your own: few epochs, a low learning rate, no validation side.",
            metavar="MODEL",
            rich_help_panel="Model",
            autocompletion=_completion.models,
        ),
    ] = None,
    freeze: Annotated[
        list[str] | None,
        typer.Option(
            help="A layer of --from that stays as it is, by its name or a pattern, as norm or 'blocks.*'; several "
            "times.",
            metavar="PATTERN",
            rich_help_panel="Model",
        ),
    ] = None,
    architecture: Annotated[
        str | None,
        typer.Option(
            help="The network, by name.",
            show_default="two-channel-cnn",
            rich_help_panel="Model",
            autocompletion=_completion.architectures,
        ),
    ] = None,
    split: Annotated[
        str | None,
        typer.Option(
            help="speaker (by actor), random (speaker-dependent), all (no test side), or a fold as emobox-1.",
            show_default="speaker",
            rich_help_panel="Data",
            autocompletion=one_of(*_completion.SPLITS),
        ),
    ] = None,
    labels: Annotated[
        str,
        typer.Option(
            help="eight, seven (calm counted as neutral), or your own, as neutral+calm,happy,sad.",
            rich_help_panel="Data",
            autocompletion=one_of(*_completion.LABEL_SETS),
        ),
    ] = "eight",
    epochs: Annotated[
        int | None,
        typer.Option(help="Passes over the training side, at most.", show_default="50", rich_help_panel="Training"),
    ] = None,
    patience: Annotated[
        int | None,
        typer.Option(
            help="Stop after so many epochs without a better validation UAR; 0: no validation side, run every epoch.",
            show_default="12",
            rich_help_panel="Training",
        ),
    ] = None,
    lr: Annotated[
        float | None, typer.Option(help="Highest learning rate.", show_default="0.002", rich_help_panel="Training")
    ] = None,
    batch_size: Annotated[
        int | None, typer.Option(help="Utterances read at once.", show_default="32", rich_help_panel="Training")
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(
            help="Of the split, the first weights and every random draw.", show_default="0", rich_help_panel="Training"
        ),
    ] = None,
    device: Annotated[
        str,
        typer.Option(
            help="auto, cpu, cuda or mps.", rich_help_panel="Training", autocompletion=one_of(*_completion.DEVICES)
        ),
    ] = "auto",
    allow_missing: AllowMissing = False,
    strict: Strict = False,
    test_data: Annotated[
        list[str] | None,
        typer.Option(
            help="Train on all of --data and test on this: a corpus, folder or table; several times.",
            rich_help_panel="Data",
        ),
    ] = None,
    folds: Annotated[
        str | None,
        typer.Option(
            help="Train and test every fold of a set, and report on all: emobox, luna-jimenez, leave-one-speaker-out, "
            "leave-one-corpus-out, union (five folds over RAVDESS, CREMA-D, EmoDB and SAVEE), K-fold (as 5-fold), "
            "random-K-fold (as random-10-fold). A run that was stopped continues.",
            rich_help_panel="Folds",
            autocompletion=one_of(*_completion.FOLDS),
        ),
    ] = None,
    seeds: Annotated[
        int | None,
        typer.Option(help="Train each fold so many times.", min=1, show_default="1", rich_help_panel="Folds"),
    ] = None,
    jobs: Annotated[
        int | None, typer.Option(help="Folds side by side.", min=1, show_default="2", rich_help_panel="Folds")
    ] = None,
    restart: Annotated[
        bool,
        typer.Option(
            help="Begin anew, where the same command would go on with what was stopped.", rich_help_panel="Run"
        ),
    ] = False,
    checkpoint_minutes: Annotated[
        float,
        typer.Option(
            help="Keep the run's state so often within an epoch; 0: after epochs alone.", min=0, rich_help_panel="Run"
        ),
    ] = 10.0,
    tensorboard: Annotated[
        bool, typer.Option(help="Write for TensorBoard into the run's folder.", rich_help_panel="Run")
    ] = False,
    html: Annotated[
        Path | None, typer.Option(help="Write the folds' report here.", metavar="FILE", rich_help_panel="Folds")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the folds' report as JSON.", rich_help_panel="Folds")
    ] = False,
    dry_run: Annotated[
        bool,
        typer.Option(help="Print the run, its data and what it would cost, and train nothing.", rich_help_panel="Run"),
    ] = False,
) -> None:
    """Train a model and store it for `infer --model NAME`."""
    from audio_emotion.models import checkpoint
    from audio_emotion.training.config import changes, merged, read
    from audio_emotion.training.run_dir import Keeping

    options: dict[str, Any] = {
        "architecture": architecture,
        "epochs": epochs,
        "patience": patience,
        "batch_size": batch_size,
    }
    options |= {"origin": begin_with, "freeze": freeze or None}
    table: dict[str, Any] = {key: value for key, value in (options | {"seed": seed}).items() if value is not None}
    if lr is not None:
        table["optimizer"] = {"lr": lr}
    config_ = read(config, merged(changes(assignments or ()), table))
    _training.check(
        folds,
        {"--split": split, "--test-data": test_data, "--tensorboard": tensorboard},
        {"--seeds": seeds, "--jobs": jobs, "--html": html, "--json": as_json},
    )
    checkpoint.new_folder(name or config_.architecture)  # a name that is none is told before the decoding
    what = _training.DataOptions(
        tuple(data or ()), tuple(test_data or ()), split or "speaker", labels, device, allow_missing, strict
    )
    if dry_run:
        _training.dry_run(what, config_, folds)
    elif not folds:
        keeping = Keeping(restart, checkpoint_minutes, tensorboard)
        _training.train_one(what, name or config_.architecture, config_, keeping)
    else:
        from audio_emotion.training.cross_validation import FoldsPlan

        plan = FoldsPlan(
            name or config_.architecture,
            what.data,
            folds,
            seeds or 1,
            labels,
            config_,
            device,
            allow_missing,
            strict,
            jobs or 2,
        )
        _training.train_folds(plan, restart, html, as_json)
