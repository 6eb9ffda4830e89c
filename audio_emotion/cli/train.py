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
            help="Recordings: a folder, a table, or NAME=DIR for a corpus. Repeat it for several. Default: RAVDESS in "
            "AUDIO_EMOTION_DATA, or its download.",
            metavar="SOURCE",
            rich_help_panel="Data",
        ),
    ] = None,
    name: Annotated[
        str | None,
        typer.Option(help="Name of the new model. Default: the architecture.", metavar="NAME", rich_help_panel="Model"),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(
            help="Training config (TOML). Options override it.",
            metavar="FILE",
            rich_help_panel="Training",
        ),
    ] = None,
    assignments: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            help="Set an entry of the config, such as optimizer.weight_decay=0.05. Repeat it for several.",
            metavar="KEY=VALUE",
            rich_help_panel="Training",
        ),
    ] = None,
    begin_with: Annotated[
        str | None,
        typer.Option(
            "--from",
            help="Fine-tune this model: default, the name of a stored model, or a model folder. By default with few "
            "epochs, "
            "a low learning rate and no validation set.",
            metavar="MODEL",
            rich_help_panel="Model",
            autocompletion=_completion.models,
        ),
    ] = None,
    freeze: Annotated[
        list[str] | None,
        typer.Option(
            help="Do not train this layer of --from: a name or a pattern, such as norm or 'blocks.*'. Repeat it for "
            "several.",
            metavar="PATTERN",
            rich_help_panel="Model",
        ),
    ] = None,
    architecture: Annotated[
        str | None,
        typer.Option(
            help="Architecture of the network.",
            metavar="NAME",
            show_default="two-channel-cnn",
            rich_help_panel="Model",
            autocompletion=_completion.architectures,
        ),
    ] = None,
    split: Annotated[
        str | None,
        typer.Option(
            help="Split: speaker, random (speaker-dependent), all (no test set), or a fold such as emobox-1.",
            metavar="SPLIT",
            show_default="speaker",
            rich_help_panel="Data",
            autocompletion=one_of(*_completion.SPLITS),
        ),
    ] = None,
    labels: Annotated[
        str,
        typer.Option(
            help="Labels: eight, seven (calm counts as neutral), or a list such as neutral+calm,happy,sad.",
            metavar="LABELS",
            rich_help_panel="Data",
            autocompletion=one_of(*_completion.LABEL_SETS),
        ),
    ] = "eight",
    epochs: Annotated[
        int | None,
        typer.Option(help="Maximum number of epochs.", metavar="N", show_default="50", rich_help_panel="Training"),
    ] = None,
    patience: Annotated[
        int | None,
        typer.Option(
            help="Stop after N epochs without a better validation UAR. 0: no validation set, run every epoch.",
            metavar="N",
            show_default="12",
            rich_help_panel="Training",
        ),
    ] = None,
    lr: Annotated[
        float | None,
        typer.Option(help="Maximum learning rate.", metavar="X", show_default="0.002", rich_help_panel="Training"),
    ] = None,
    batch_size: Annotated[
        int | None,
        typer.Option(help="Utterances per batch.", metavar="N", show_default="32", rich_help_panel="Training"),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(
            help="Seed of the split, the initial weights and every random draw.",
            metavar="N",
            show_default="0",
            rich_help_panel="Training",
        ),
    ] = None,
    device: Annotated[
        str,
        typer.Option(
            help="Device: auto, cpu, cuda or mps.",
            metavar="NAME",
            rich_help_panel="Training",
            autocompletion=one_of(*_completion.DEVICES),
        ),
    ] = "auto",
    allow_missing: AllowMissing = False,
    strict: Strict = False,
    test_data: Annotated[
        list[str] | None,
        typer.Option(
            help="Train on all of --data and test on these recordings. Repeat it for several.",
            metavar="SOURCE",
            rich_help_panel="Data",
        ),
    ] = None,
    folds: Annotated[
        str | None,
        typer.Option(
            help="Cross-validate and report on all folds: emobox, luna-jimenez, leave-one-speaker-out, "
            "leave-one-corpus-out, union (five folds over RAVDESS, CREMA-D, EmoDB and SAVEE), K-fold (such as "
            "5-fold) or random-K-fold (such as random-10-fold). Continues an interrupted run.",
            metavar="FOLDS",
            rich_help_panel="Folds",
            autocompletion=one_of(*_completion.FOLDS),
        ),
    ] = None,
    seeds: Annotated[
        int | None,
        typer.Option(
            help="Train each fold with N seeds.", metavar="N", min=1, show_default="1", rich_help_panel="Folds"
        ),
    ] = None,
    jobs: Annotated[
        int | None,
        typer.Option(help="Folds to train in parallel.", metavar="N", min=1, show_default="2", rich_help_panel="Folds"),
    ] = None,
    restart: Annotated[
        bool,
        typer.Option("--restart", help="Start again instead of continuing an interrupted run.", rich_help_panel="Run"),
    ] = False,
    checkpoint_minutes: Annotated[
        float,
        typer.Option(
            help="Also save the state within an epoch, at this interval. 0: only after each epoch.",
            metavar="MINUTES",
            min=0,
            rich_help_panel="Run",
        ),
    ] = 10.0,
    tensorboard: Annotated[
        bool,
        typer.Option("--tensorboard", help="Write TensorBoard logs to the folder of the run.", rich_help_panel="Run"),
    ] = False,
    html: Annotated[
        Path | None,
        typer.Option(help="Write the report of the folds to this file.", metavar="FILE", rich_help_panel="Folds"),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the report of the folds as JSON.", rich_help_panel="Folds")
    ] = False,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run", help="Print the config, the data and the expected cost. Train nothing.", rich_help_panel="Run"
        ),
    ] = False,
) -> None:
    """Train a model for `infer --model NAME`."""
    from audio_emotion.models import checkpoint
    from audio_emotion.training.config import changes, merged, read
    from audio_emotion.training.job import DataOptions
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
    checkpoint.new_folder(name or config_.architecture)  # refuses a bad name before the decoding
    data_options = DataOptions(
        tuple(data or ()), tuple(test_data or ()), split or "speaker", labels, allow_missing, strict
    )
    if dry_run:
        _training.dry_run(data_options, config_, folds, device)
    elif not folds:
        keeping = Keeping(restart, checkpoint_minutes, tensorboard)
        _training.train_one(data_options, name or config_.architecture, config_, device, keeping)
    else:
        from audio_emotion.training.cross_validation import FoldsPlan

        plan = FoldsPlan(
            name or config_.architecture,
            data_options.data,
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
