"""ELAN EAF, with pympi: a tier is a speaker, an annotation on it a turn."""

import re
import warnings
from collections.abc import Iterator
from typing import Any

from audio_emotion.audio.annotations.document import Document, Entry, UnreadableError
from audio_emotion.audio.segments import Segment
from audio_emotion.core.errors import PackageError
from audio_emotion.core.packages import install_command

_EMOTION = re.compile(r"(?:^|[-_ ])emotions?$", re.IGNORECASE)


def matches(document: Document) -> bool:
    """Return whether it is an ELAN document."""
    return document.text.lstrip().startswith("<") and "<ANNOTATION_DOCUMENT" in document.text[:4096]


def read(document: Document) -> Iterator[Entry]:
    """Yield the annotations of the tiers that depend on no other tier.

    The speaker is the tier's participant, else its name. Dependent tiers (translations, glosses) and tiers of emotions
    repeat times and are ignored.

    Raises:
        UnreadableError: it is not an EAF file.
        PackageError: pympi is not installed.
    """
    content = _parse(document)
    for name in content.get_tier_names():
        attributes = content.get_parameters_for_tier(name)
        if "PARENT_REF" in attributes or _EMOTION.search(name):
            continue
        speaker = (attributes.get("PARTICIPANT") or name).strip()
        speaker = "" if speaker == "default" else speaker
        for start, end, text, *_ in sorted(content.get_annotation_data_for_tier(name)):
            segment = Segment(start / 1000, end / 1000, speaker, " ".join(text.split()))
            yield Entry(f"tier {name!r} at {segment.start:g} s", segment)


def _parse(document: Document) -> Any:
    try:
        from pympi import Eaf
    except ModuleNotFoundError as error:
        raise PackageError(
            f"reading EAF needs a package that is not installed; run: {install_command('annotations')}"
        ) from error
    if "<!ENTITY" in document.text:
        raise UnreadableError("declares XML entities, which EAF files do not have")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it warns of each version of EAF that is newer than itself
            return Eaf(str(document.path), suppress_version_warning=True)
    except Exception as error:  # pympi raises plain Exceptions, and key and index errors
        raise UnreadableError(f"is not an EAF file that can be read ({type(error).__name__})") from None
