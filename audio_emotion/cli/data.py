"""``audio-emotion data``."""

from typing import Annotated

import typer

from audio_emotion.cli._app import command, progress_bars

app = typer.Typer(help="Fetch recordings to train on.", no_args_is_help=True)


@app.callback()
def data() -> None:
    """Fetch recordings to train on."""


@app.command()
@command
def download(
    corpus: Annotated[str, typer.Argument(help="ravdess.")],
    record: Annotated[str | None, typer.Option(help="Address of the record's description.", hidden=True)] = None,
) -> None:
    """Download a corpus from its publisher into the user data folder, with its checksum."""
    from audio_emotion.corpora.download import RECORDS, fetch

    with progress_bars() as progress:
        folder = fetch(corpus, record or RECORDS.get(corpus, ""), progress)
    print(f"Unpacked into {folder}")
