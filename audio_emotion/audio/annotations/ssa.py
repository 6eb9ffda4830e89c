"""SubStation Alpha (ASS, SSA), with pysubs2: the actor of a line is the speaker."""

import re
import warnings
from collections.abc import Iterator

from audio_emotion.audio.annotations.document import Document, Entry, UnreadableError
from audio_emotion.audio.annotations.speakers import split_speakers
from audio_emotion.audio.segments import Segment
from audio_emotion.core.errors import PackageError
from audio_emotion.core.packages import install_command


def matches(document: Document) -> bool:
    """Return whether it is a SubStation Alpha script."""
    return document.text.lstrip().startswith("[Script Info]")


def read(document: Document) -> Iterator[Entry]:
    """Yield each line of dialogue.

    Raises:
        UnreadableError: it is not an ASS or SSA file.
        PackageError: pysubs2 is not installed.
    """
    try:
        from pysubs2 import SSAFile
    except ModuleNotFoundError as error:
        raise PackageError(
            f"reading ASS needs a package that is not installed; run: {install_command('annotations')}"
        ) from error
    kind = "ssa" if re.search(r"^ScriptType:\s*v4\.00\s*$", document.text, re.MULTILINE) else "ass"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it warns of each field that it cannot read
            events = [event for event in SSAFile.from_string(document.text, format_=kind) if not event.is_comment]
    except Exception as error:  # pysubs2 has exceptions of its own, and lets those of int() through
        raise UnreadableError(f"is not a subtitle file that can be read ({type(error).__name__})") from None
    spoken = split_speakers([event.plaintext.split("\n") for event in events])
    for event, parts in zip(events, spoken, strict=True):
        start, end = event.start / 1000, event.end / 1000
        for speaker, text in parts:
            yield Entry(f"line at {start:g} s", Segment(start, end, event.name or speaker, text))
