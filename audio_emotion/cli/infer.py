"""``audio-emotion infer``."""

from pathlib import Path
from typing import Annotated

import typer

from audio_emotion import audio, report
from audio_emotion.cli._app import NOTHING_DONE, SOME_FAILED, command, say
from audio_emotion.errors import AudioError
from audio_emotion.prediction import load_model


@command
def infer(
    files: Annotated[list[Path], typer.Argument(help="Recordings, or folders of them.", metavar="FILE...")],
    model: Annotated[str, typer.Option(help="A stored model's name, or a model folder.")] = "default",
    device: Annotated[
        str, typer.Option(help="auto, cpu, cuda or mps; auto takes the first accelerator found.")
    ] = "auto",
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON: one object, or a list for several files.")
    ] = False,
) -> None:
    """Say which emotion each recording holds, with a probability for each."""
    recordings = audio.expand(files)
    loaded = load_model(model, device)
    as_list = len(files) > 1 or files[0].is_dir()
    if not as_json:
        print(f"Using device: {loaded.runtime.device}")
    answers = []
    for file in recordings:
        try:
            prediction = loaded.predict(file)
        except AudioError as error:
            say(str(error))
            continue
        answers.append(report.Answer(str(file), loaded.config.name, loaded.runtime.device, prediction))
        if not as_json:
            print(f"\n{file}" if as_list else "")
            print(report.text(prediction), end="", flush=True)
    if as_json and (answers or as_list):
        print(report.writer("json", loaded.config.labels, many=as_list).render(answers), end="")
    if len(answers) < len(recordings):
        raise typer.Exit(SOME_FAILED if answers else NOTHING_DONE)
