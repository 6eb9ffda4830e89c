"""Conflicts between options of ``infer``, checked before anything is loaded."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from audio_emotion.audio.find import FileList
from audio_emotion.cli._pictures import Pictures
from audio_emotion.cli._request import STDIN, Channels, Request
from audio_emotion.core.errors import UsageError
from audio_emotion.formats import Writer, writer_class

if TYPE_CHECKING:
    from audio_emotion.inference.adaptation import Grouping

_TELL_CHANNELS = ("text", "json", "jsonl", "csv", "rttm", "audformat", "label-studio")
_PARTNERS = {
    "--timeline": ("window", "hop", "merge", "min_duration", "smooth"),
    "--output-dir DIR": ("engine", "jobs", "restart", "max_duration", "max_size", "decode_timeout"),
    "--engine ray": ("partition",),
}
"""Options that need another option."""


def given_options(ctx: typer.Context) -> frozenset[str]:
    """Return the names of the parameters that were given on the command line."""
    sources = {name: ctx.get_parameter_source(name) for name in ctx.params}
    return frozenset(name for name, source in sources.items() if source and source.name == "COMMANDLINE")


def check_partners(ctx: typer.Context) -> None:
    """Refuse an option of ``infer`` without the option that it needs."""
    given, values = given_options(ctx), ctx.params
    partners = values["along_time"], values["output_dir"] is not None, values["engine"] == "ray"
    for (partner, names), there in zip(_PARTNERS.items(), partners, strict=True):
        for name in names:
            if not there and name in given:
                option = f"--{name.replace('_', '-')}"
                raise UsageError(f"{option} has no effect without {partner}; add {partner}, or remove {option}")
    check_gates(values["gate"], values["vad"])


def check_gates(gate: bool, vad: bool) -> None:
    """Refuse voice activity detection without the level gate, which runs first."""
    _refuse("--no-gate", {"--vad": vad and not gate})


def channels_of(text: str) -> Channels:
    """Return the parsed value of ``--channels``."""
    if text in ("mix", "each"):
        return text  # type: ignore[return-value]
    if text.isdecimal() and int(text):
        return int(text)
    raise UsageError(f"--channels is {text!r}, expected mix, each, or a number from 1")


def grouping_of(text: str) -> "Grouping":
    """Return the parsed value of ``--adapt``."""
    from audio_emotion.inference.adaptation import GROUPINGS

    if text not in GROUPINGS:
        raise UsageError(f"--adapt is {text!r}, expected {', '.join(GROUPINGS[:-1])} or {GROUPINGS[-1]}")
    return text  # type: ignore[return-value]


def writers_of(formats: list[str] | None, as_json: bool, several: bool, request: Request) -> dict[str, type[Writer]]:
    """Return the requested formats, checked for conflicts, each with what writes it."""
    names = [*(formats or []), *(["json"] if as_json else [])] or ["json" if several else "text"]
    writers = {name: writer_class(name) for name in names}
    if len(writers) > 1 and not several:
        raise UsageError(f"formats {', '.join(writers)} cannot all go to standard output; add --output-dir DIR")
    mute = [name for name in writers if name not in _TELL_CHANNELS]
    if request.channels == "each" and mute:
        raise UsageError(f"the format {mute[0]} does not show channels; use {', '.join(_TELL_CHANNELS)}")
    return writers


def check_fit(
    recordings: FileList,
    request: Request,
    writers: Mapping[str, type[Writer]],
    pictures: Pictures,
    into_folder: bool,
    top_k: int | None,
) -> None:
    """Refuse conflicting options before anything is loaded."""
    one_channel = request.channels != "each"
    if request.segments is not None:
        _refuse(
            "--segments",
            {"--timeline": request.along_time, "--start": request.start > 0, "--end": request.end is not None},
        )
    if request.adapt is not None:
        _refuse("--adapt, which reads every recording twice", {"standard input (-)": Path(STDIN) in recordings})
        if request.adapt == "speaker" and request.segments is None and one_channel:
            raise UsageError(
                "--adapt speaker needs to know who speaks; "
                "add --speakers auto, --segments FILE with speakers, or --channels each"
            )
    if into_folder:
        unfit: dict[str, Any] = {
            "--channels each": not one_channel,
            "--plot": pictures.plot is not None,
            "--report": pictures.report is not None,
            "--top-k": top_k is not None,
            "standard input (-)": Path(STDIN) in recordings,
        }
        _refuse("--output-dir", unfit)
        return
    ((name, writer),) = writers.items()
    if not writer.combines and recordings.has_several():
        raise UsageError(
            f"the format {name} holds one recording, but {len(recordings)} are given; "
            "add --output-dir DIR to write one file for each"
        )
    _check_pictures(recordings, request, pictures)


def check_speakers(recordings: FileList, request: Request, is_part: bool) -> None:
    """Refuse options that conflict with ``--speakers``."""
    unfit = {
        "--segments": request.segments is not None,
        "--timeline": request.along_time,
        "--channels each": request.channels == "each",
        "--start or --end": is_part,
        "standard input (-)": Path(STDIN) in recordings,
    }
    _refuse("--speakers", unfit)


def _check_pictures(recordings: FileList, request: Request, pictures: Pictures) -> None:
    """Refuse pictures that cannot be drawn or written."""
    if pictures.plot is not None:
        from audio_emotion.formats.plot import kind_of

        kind_of(pictures.plot)
    if pictures.report is not None:
        from audio_emotion.formats.conversation_report import check_target

        check_target(pictures.report)
        if not request.along_time and request.segments is None:
            raise UsageError("--report shows a recording over time; add --segments FILE, --speakers auto or --timeline")
    if pictures.embed_audio and pictures.report is None:
        raise UsageError("--embed-audio has no effect without --report FILE; add that, or leave --embed-audio out")
    for option, target in (("--plot", pictures.plot), ("--report", pictures.report)):
        if target is None:
            continue
        if any(_same_file(target, recording) for recording in recordings):
            raise UsageError(f"{option} {target} would overwrite an input recording; use another name")
        if recordings.has_several():
            raise UsageError(f"{option} needs one recording, but {len(recordings)} are given")
        _refuse(option, {"standard input (-)": Path(STDIN) in recordings})


def check_cluster(
    ctx: typer.Context, engine: str, named: Sequence[str], request: Request, output_dir: str | None
) -> None:
    """Refuse an unknown engine, and options that conflict with a cluster."""
    if engine != "ray":
        raise UsageError(f"unknown engine {engine!r}; available: local, ray")
    if output_dir is None:
        raise UsageError("--engine ray needs --output-dir DIR; add it, or remove --engine")
    names = ("plot", "report", "top_k", "segments", "adapt")
    given = given_options(ctx)
    unfit = {f"--{name.replace('_', '-')}": name in given for name in names}
    unfit["--format (it writes Parquet)"] = bool({"formats", "as_json"} & given)
    unfit["--channels each"] = request.channels == "each"
    unfit["standard input (-)"] = STDIN in named
    _refuse("--engine ray", unfit)


def _same_file(first: Path, other: Path) -> bool:
    """Whether two paths are the same existing file."""
    try:
        return first.samefile(other)
    except OSError:
        return False


def _refuse(option: str, others: Mapping[str, bool]) -> None:
    for other, is_used in others.items():
        if is_used:
            raise UsageError(f"{other} cannot be used with {option}; remove one of them")
