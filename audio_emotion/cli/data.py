"""``audio-emotion data``."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from audio_emotion.cli import _completion
from audio_emotion.cli._app import NOTHING_DONE, SOME_FAILED, Command, Section, command, progress_bars, tell_left_out
from audio_emotion.cli._completion import one_of
from audio_emotion.cli._messages import note, say
from audio_emotion.core.paths import display_path

if TYPE_CHECKING:
    from audio_emotion.corpora import Corpus, LeftOut

_OVERVIEW = """
    audio-emotion data list
    audio-emotion data download ravdess
    audio-emotion data check recordings/
"""

app = typer.Typer(
    help="Download, check and prepare recordings for training.", no_args_is_help=True, cls=Section, epilog=_OVERVIEW
)

Sources = Annotated[
    list[str],
    typer.Argument(
        help="A folder or a table. NAME=DIR names the corpus (see 'data list'), and table=FILE a table.",
        metavar="SOURCE...",
    ),
]
Labels = Annotated[
    str,
    typer.Option(
        help="Labels: eight, seven (calm counts as neutral), or a list such as neutral+calm,happy,sad.",
        metavar="LABELS",
        rich_help_panel="Data",
        autocompletion=one_of(*_completion.LABEL_SETS),
    ),
]

_EXAMPLES = {
    "list": """
        audio-emotion data list
        audio-emotion data list --json
    """,
    "download": """
        audio-emotion data download ravdess
        audio-emotion data download ravdess-song
    """,
    "check": """
        audio-emotion data check recordings/
        audio-emotion data check ravdess=speech/ savee=savee/ --json
    """,
    "prepare": """
        audio-emotion data prepare recordings/ --out split
        audio-emotion data prepare ravdess=speech/ --out split --shares 80/10/10 --seed 1 --audio
    """,
    "features": """
        audio-emotion data features recordings/ --out features.csv
        audio-emotion data features ravdess=speech/ savee=savee/ --labels seven --out features.csv
    """,
    "extract-audio": """
        audio-emotion data extract-audio videos/ sounds/
        audio-emotion data extract-audio videos/ sounds/ --rate 48000
    """,
}


@app.callback()
def data() -> None:
    """Download, check and prepare recordings for training."""


@app.command("list", cls=Command, epilog=_EXAMPLES["list"])
@command
def list_corpora(
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON list.", rich_help_panel="Output")] = False,
) -> None:
    """List the supported corpora: size, licence, and where to get them."""
    from audio_emotion.corpora import CORPORA

    entries = []
    for name, corpus in CORPORA.items():
        speakers = {speaker for speaker, _ in corpus.published}
        entries.append(
            {
                "name": name,
                "title": corpus.title,
                "utterances": sum(corpus.published.values()),
                "speakers": len(speakers),
                "emotions": len({label for _, label in corpus.published}),
                "licence": corpus.licence,
                "obtain": corpus.obtain,
            }
        )
    if as_json:
        print(json.dumps(entries, indent=2, ensure_ascii=False))
        return
    for entry in entries:
        size = "{utterances} usable utterances, {speakers} speakers, {emotions} emotions".format_map(entry)
        print(f"{entry['name']}: {entry['title']}")
        if entry["utterances"]:
            print(f"    {size}; licence: {entry['licence']}")
            print(f"    {entry['obtain']}")


@app.command("download", cls=Command, epilog=_EXAMPLES["download"])
@command
def download(
    corpus: Annotated[
        str, typer.Argument(help="A corpus of 'data list'.", metavar="CORPUS", autocompletion=_completion.corpora)
    ],
    record: Annotated[str | None, typer.Option(help="URL of the record's description.", hidden=True)] = None,
) -> None:
    """Download a corpus from its publisher and verify its checksum, or show where to get it."""
    from audio_emotion.corpora.download import fetch

    with progress_bars() as progress:
        folder = fetch(corpus, record, progress)
    print(f"Unpacked into {folder}")


@app.command("check", cls=Command, epilog=_EXAMPLES["check"])
@command
def check(
    sources: Sources,
    labels: Labels = "eight",
    as_json: Annotated[
        bool, typer.Option("--json", help="Print a JSON object that lists every file.", rich_help_panel="Output")
    ] = False,
) -> None:
    """Decode and count all recordings; report damaged, silent, clipped, cut, padded, upsampled or duplicate ones."""
    from audio_emotion.corpora.inspection import inspect

    corpus = _gather(sources, labels)
    with progress_bars() as progress:
        inspection = inspect(corpus, progress)
    print(
        json.dumps(inspection.as_dict(), indent=2, ensure_ascii=False) + "\n" if as_json else inspection.text(), end=""
    )
    _end(len(inspection.recordings), inspection.unreadable)


@app.command("prepare", cls=Command, epilog=_EXAMPLES["prepare"])
@command
def prepare(
    sources: Sources,
    out: Annotated[
        Path,
        typer.Option(
            help="New folder for train.csv, val.csv, test.csv and split.json.", metavar="DIR", rich_help_panel="Output"
        ),
    ],
    shares: Annotated[
        str,
        typer.Option(
            help="Percentages of speakers for training, validation and test.", metavar="A/B/C", rich_help_panel="Split"
        ),
    ] = "70/15/15",
    seed: Annotated[
        int, typer.Option(help="Seed for drawing speakers.", metavar="N", min=0, rich_help_panel="Split")
    ] = 0,
    labels: Labels = "eight",
    with_audio: Annotated[
        bool,
        typer.Option(
            "--audio", help="Also copy the recordings, to train/LABEL/SPEAKER/ and so on.", rich_help_panel="Output"
        ),
    ] = False,
) -> None:
    """Split recordings by speaker and write a manifest for each set."""
    from audio_emotion.corpora.manifests import MANIFESTS, parse_shares
    from audio_emotion.corpora.manifests import prepare as run

    percent = parse_shares(shares)
    corpus = _gather(sources, labels)
    tell_left_out(corpus.left_out)
    with progress_bars() as progress:
        prepared = run(corpus, out, percent, seed, with_audio, progress)
    for side, name in MANIFESTS.items():
        speakers = prepared.split.speakers[side]
        names = f": {', '.join(speakers)}" if speakers else ""
        print(f"{out / name}.csv\t{prepared.split.sizes[side]} utterances, {len(speakers)} speaker(s){names}")
    for copies in prepared.copies:
        more = f" and {len(copies) - 3} more" if copies[3:] else ""
        shown = " = ".join(map(display_path, copies[:3]))
        note(f"{shown}{more}: perhaps one take in two sets of the split; leave all but one out")
    _tell_unreadable(prepared.unreadable)
    _end(sum(prepared.split.sizes.values()), prepared.unreadable)


@app.command("features", cls=Command, epilog=_EXAMPLES["features"])
@command
def features(
    sources: Sources,
    out: Annotated[
        Path,
        typer.Option(help="Output table: .csv, or .parquet with pyarrow.", metavar="FILE", rich_help_panel="Output"),
    ],
    labels: Labels = "eight",
) -> None:
    """Write a table of features for other tools: zero-crossing rate, RMS and 20 MFCC (mean and standard deviation)."""
    from audio_emotion.corpora.features import write_features

    corpus = _gather(sources, labels)
    tell_left_out(corpus.left_out)
    with progress_bars() as progress:
        unreadable = write_features(corpus, out, progress)
    n_rows = len(corpus.utterances) - len(unreadable)
    print(f"{out}\t{n_rows} utterances")
    _tell_unreadable(unreadable)
    _end(n_rows, unreadable)


@app.command("extract-audio", cls=Command, epilog=_EXAMPLES["extract-audio"])
@command
def extract_audio(
    videos: Annotated[Path, typer.Argument(help="Folder of videos. Subfolders are searched too.", metavar="VIDEO_DIR")],
    out: Annotated[Path, typer.Argument(help="Folder for the WAV files, with the same subfolders.", metavar="OUT_DIR")],
    rate: Annotated[int, typer.Option(help="Sampling rate.", metavar="HZ", rich_help_panel="Output")] = 16_000,
    stream: Annotated[
        int | None,
        typer.Option(
            help="Audio stream of each video, from 1. Default: the stream marked as default.",
            min=1,
            metavar="N",
            rich_help_panel="Input",
        ),
    ] = None,
) -> None:
    """Extract the audio of videos as mono 16-bit WAV files. Only replaces files of an earlier run."""
    from audio_emotion.corpora.extraction import extract_audio as run

    with progress_bars() as progress:
        extracted = run(videos, out, rate, progress, stream)
    for path in extracted.written:
        print(path)
    _tell_unreadable(extracted.failed)
    _end(len(extracted.written), extracted.failed)


def _gather(texts: Sequence[str], labels: str) -> "Corpus":
    from audio_emotion.corpora.labels import label_set
    from audio_emotion.corpora.sources import gather, parse_sources

    known = label_set(labels)
    sources = parse_sources(texts)
    for source in sources:
        if source.recognised:
            note(f"{display_path(source.path)}: recognised as {source.adapter.name}")
    corpus = gather(sources, known)
    for remark in corpus.notes:
        note(remark)
    return corpus


def _tell_unreadable(unreadable: "Iterable[LeftOut]") -> None:
    for file in unreadable:
        say(str(file))


def _end(n_done: int, failed: "Sequence[LeftOut]") -> None:
    if failed:
        raise typer.Exit(SOME_FAILED if n_done else NOTHING_DONE)
