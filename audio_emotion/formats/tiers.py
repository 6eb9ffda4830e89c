"""Tiers for annotation tools: Praat TextGrid and ELAN EAF. Each speaker has a tier of words and one of emotions."""

import xml.etree.ElementTree as ET
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from audio_emotion.core.paths import encodable
from audio_emotion.core.types import Prediction
from audio_emotion.formats.result import Result
from audio_emotion.formats.writer import Writer, percentage, speaker_of, text_of


@dataclass(frozen=True, slots=True)
class Tier:
    """Labels that do not overlap, in order.

    Attributes:
        name: its name, which no other tier has.
        speaker: who speaks; empty if unknown.
        labels: (start, end, label) each, in milliseconds.
    """

    name: str
    speaker: str
    labels: Sequence[tuple[int, int, str]]


def tiers_of(result: Result) -> list[Tier]:
    """Return the tiers of a result: one with emotions for each speaker or channel, and one with the words if any."""
    groups: dict[tuple[str, int | None], list[Prediction]] = {}
    for prediction in result.rows:
        groups.setdefault((speaker_of(prediction), prediction.channel), []).append(prediction)
    speakers = [speaker for speaker, _ in groups]
    tiers: list[Tier] = []
    taken: set[str] = set()
    for (speaker, channel), predictions in groups.items():
        shared = channel is not None and (not speaker or speakers.count(speaker) > 1)
        name = " ".join(filter(None, (speaker, f"channel {channel}" if shared else "")))
        for lane in _lanes(predictions):
            for kind in ("", "emotion"):
                labels = [(*_milliseconds(p), _emotion(p) if kind else text_of(p)) for p in lane]
                if kind or any(label for _, _, label in labels):
                    tiers.append(Tier(_unique(f"{name} {kind}".strip() or "text", taken), speaker, labels))
    return tiers


def _lanes(predictions: Sequence[Prediction]) -> list[list[Prediction]]:
    """Divide predictions over as few lanes as possible, so that none overlap: a tier cannot hold two at a time."""
    lanes: list[list[Prediction]] = []
    for prediction in sorted(predictions, key=_milliseconds):
        start, end = _milliseconds(prediction)
        if end <= start:
            continue
        # lane 0   |--- a ---|     |-- c --|
        # lane 1         |--- b ---|            b overlaps with a, c fits behind a again
        lane = next((lane for lane in lanes if _milliseconds(lane[-1])[1] <= start), None)
        if lane is None:
            lanes.append([prediction])
        else:
            lane.append(prediction)
    return lanes


def _milliseconds(prediction: Prediction) -> tuple[int, int]:
    return round(prediction.start * 1000), round(prediction.end * 1000)


def _emotion(prediction: Prediction) -> str:
    return f"{prediction.label} {percentage(prediction)}".strip()


def _unique(name: str, taken: set[str]) -> str:
    name, number = encodable(name), 2
    unique = name
    while unique in taken:
        unique, number = f"{name} {number}", number + 1
    taken.add(unique)
    return unique


class TextGridWriter(Writer):
    """Praat's TextGrid, in its long form: a tier is made of intervals that follow each other without gaps."""

    suffix = ".TextGrid"
    combines = False

    def end(self, result: Result) -> str:
        tiers = tiers_of(result)
        last = max([round(result.prediction.end * 1000), *(end for tier in tiers for _, end, _ in tier.labels)])
        return "\n".join(_textgrid(tiers, last)) + "\n"


def _textgrid(tiers: Sequence[Tier], last: int) -> Iterator[str]:
    whole = f"xmin = 0\nxmax = {last / 1000}"
    yield f'File type = "ooTextFile"\nObject class = "TextGrid"\n\n{whole}'
    yield f"tiers? <exists>\nsize = {len(tiers)}\nitem []:"
    for number, tier in enumerate(tiers, start=1):
        intervals = _without_gaps(tier.labels, last)
        yield f'    item [{number}]:\n        class = "IntervalTier"\n        name = {_quoted(tier.name)}'
        yield f"        xmin = 0\n        xmax = {last / 1000}\n        intervals: size = {len(intervals)}"
        for i, (start, end, label) in enumerate(intervals, start=1):
            yield f"        intervals [{i}]:\n            xmin = {start / 1000}\n            xmax = {end / 1000}"
            yield f"            text = {_quoted(label)}"


def _without_gaps(labels: Sequence[tuple[int, int, str]], last: int) -> list[tuple[int, int, str]]:
    """Fill what lies between labels, before the first and after the last one with empty intervals."""
    # labels      |-- a --|       |- b -|
    # intervals |-|-- a --|-------|- b -|--|     from 0 to `last`
    intervals, at = [], 0
    for start, end, label in labels:
        if start > at:
            intervals.append((at, start, ""))
        intervals.append((start, end, label))
        at = end
    return [*intervals, (at, last, "")] if at < last else intervals


def _quoted(text: str) -> str:
    return '"' + encodable(text).replace('"', '""') + '"'


class EafWriter(Writer):
    """ELAN's EAF 3.0: each label is an annotation between two time slots."""

    suffix = ".eaf"
    combines = False

    def end(self, result: Result) -> str:
        tiers = tiers_of(result)
        root = ET.Element(
            "ANNOTATION_DOCUMENT",
            {
                "AUTHOR": "audio-emotion",
                "DATE": "1970-01-01T00:00:00+00:00",  # the same input gives the same file
                "FORMAT": "3.0",
                "VERSION": "3.0",
                "xmlns:xsi": "http://www.w3.org/2001/XMLSchema-instance",
                "xsi:noNamespaceSchemaLocation": "http://www.mpi.nl/tools/elan/EAFv3.0.xsd",
            },
        )
        header = ET.SubElement(root, "HEADER", {"MEDIA_FILE": "", "TIME_UNITS": "milliseconds"})
        file = _xml(result.source.file)
        ET.SubElement(header, "MEDIA_DESCRIPTOR", {"MEDIA_URL": file, "MIME_TYPE": "audio/*"})
        order = ET.SubElement(root, "TIME_ORDER")
        for tier in tiers:
            _add_tier(root, order, tier)
        ET.SubElement(
            root,
            "LINGUISTIC_TYPE",
            {"LINGUISTIC_TYPE_ID": "default-lt", "TIME_ALIGNABLE": "true", "GRAPHIC_REFERENCES": "false"},
        )
        ET.indent(root)
        return f'<?xml version="1.0" encoding="UTF-8"?>\n{ET.tostring(root, encoding="unicode")}\n'


def _add_tier(root: ET.Element, order: ET.Element, tier: Tier) -> None:
    attributes = {"LINGUISTIC_TYPE_REF": "default-lt", "TIER_ID": _xml(tier.name)}
    if tier.speaker:
        attributes["PARTICIPANT"] = _xml(tier.speaker)
    element = ET.SubElement(root, "TIER", attributes)
    for start, end, label in tier.labels:
        slots = []
        for time in (start, end):
            slots.append(f"ts{len(order) + 1}")
            ET.SubElement(order, "TIME_SLOT", {"TIME_SLOT_ID": slots[-1], "TIME_VALUE": str(time)})
        annotation = ET.SubElement(
            ET.SubElement(element, "ANNOTATION"),
            "ALIGNABLE_ANNOTATION",
            {"ANNOTATION_ID": f"a{len(order) // 2}", "TIME_SLOT_REF1": slots[0], "TIME_SLOT_REF2": slots[1]},
        )
        ET.SubElement(annotation, "ANNOTATION_VALUE").text = _xml(label)


def _xml(text: str) -> str:
    r"""Return text with the control characters that XML does not allow written as ``\xNN``."""
    text = encodable(text)
    return "".join(c if c >= " " or c in "\t\n" else f"\\x{ord(c):02x}" for c in text if c not in "\ufffe\uffff")
