"""``audio-emotion train``."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated

import typer

from audio_emotion.cli._app import command, progress_bars, say

if TYPE_CHECKING:
    from audio_emotion.corpora import LeftOut
    from audio_emotion.training import Trained


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
) -> None:
    """Train the two-channel CNN and store it for `infer --model NAME`."""
    from audio_emotion.fitting import TrainConfig
    from audio_emotion.training import load_material, train_material

    config = TrainConfig(epochs=epochs, patience=patience, lr=lr, batch_size=batch_size, seed=seed)
    with progress_bars() as progress:
        material = load_material(data or (), labels, strict, progress)
        tell_left_out(material.left_out)
        trained = train_material(material, name, split, config, device, allow_missing, progress)
    _tell(trained)
    print(f"Stored in {trained.folder}; use it with: audio-emotion infer FILE --model {name}")


def tell_left_out(files: "Iterable[LeftOut]") -> None:
    """Say which files are not used: how many for each reason, and the first of them."""
    from audio_emotion.corpora.base import by_reason

    for reason, paths in by_reason(files).items():
        more = f" and {len(paths) - 1} more" if len(paths) > 1 else ""
        say(f"left out: {paths[0]}{more}: {reason}")


def _tell(trained: "Trained") -> None:
    if trained.evaluation is None:
        print("No test side: every utterance was trained on.")
        return
    print(trained.evaluation.table())
    print(f"Protocol: {trained.split.protocol}, {len(trained.split.test)} test utterances")
    print(f"UAR {100 * trained.evaluation.uar:.2f} %, accuracy {100 * trained.evaluation.accuracy:.2f} %")
