"""``audio-emotion train``."""

from pathlib import Path
from typing import Annotated

import typer

from audio_emotion.cli._app import command, progress_bars, say


@command
def train(
    data: Annotated[
        Path | None,
        typer.Option(help="Folder to search for RAVDESS; else AUDIO_EMOTION_DATA, else what was downloaded."),
    ] = None,
    name: Annotated[str, typer.Option(help="Name to store the model under.")] = "two-channel-cnn",
    split: Annotated[
        str,
        typer.Option(
            help="speaker (by actor), random (speaker-dependent), emobox-1 to emobox-6, or all (no test side)."
        ),
    ] = "speaker",
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
) -> None:
    """Train the two-channel CNN on RAVDESS speech and store it for `infer --model NAME`."""
    from audio_emotion.fitting import TrainConfig
    from audio_emotion.training import train as run

    config = TrainConfig(epochs=epochs, patience=patience, lr=lr, batch_size=batch_size, seed=seed)
    with progress_bars() as progress:
        trained = run(data, name=name, split=split, config=config, device=device, progress=progress)
    for problem in trained.unreadable:
        say(problem)
    if trained.evaluation is None:
        print("No test side: every utterance was trained on.")
    else:
        print(trained.evaluation.table())
        print(f"Protocol: {trained.split.protocol}, {len(trained.split.test)} test utterances")
        print(f"UAR {100 * trained.evaluation.uar:.2f} %, accuracy {100 * trained.evaluation.accuracy:.2f} %")
    print(f"Stored in {trained.folder}; use it with: audio-emotion infer FILE --model {name}")
