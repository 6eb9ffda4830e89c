"""``infer --report``: a conversation as one page of HTML, which loads nothing from elsewhere."""

import base64
import io
import mimetypes
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

import numpy as np

from audio_emotion import audio
from audio_emotion.audio.region import AudioRegion
from audio_emotion.core import paths
from audio_emotion.core.emotions import NO_SPEECH, UNKNOWN
from audio_emotion.core.errors import StorageError, UsageError
from audio_emotion.core.templates import render
from audio_emotion.core.types import FloatArray, Prediction, Turn
from audio_emotion.formats.conversation import SpeakerSummary, summarize
from audio_emotion.formats.palette import colors_of
from audio_emotion.formats.result import Result, shares
from audio_emotion.formats.writer import percentage, short_clock, text_of

COLUMNS = 1_200
"""Points of a waveform across the page."""

LANE_HEIGHT = 64
"""Height of a lane in units of its drawing, whose width is :data:`COLUMNS`."""

_TEMPLATE = Path(__file__).parent / "templates" / "conversation.html.j2"
_PEAK_RATE = 8_000  # Hz, enough to draw a waveform
_PEAK_SAMPLES = 160  # of a peak, 20 ms
_MAX_EMBEDDED_BYTES = 30 * 2**20
_PLAYABLE = {".wav", ".mp3", ".m4a", ".mp4", ".ogg", ".opus", ".webm", ".flac", ".aac"}
_TICK_STEPS_S = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400)
_MAX_TICKS = 8


@dataclass(frozen=True, slots=True)
class TurnView:
    """A turn as the page shows it; ``left`` and ``width`` are percentages of the conversation's time."""

    number: int
    lane: int
    turn: Prediction
    speaker: str
    text: str
    color: int
    percentage: str
    time: str
    left: float
    width: float
    shape: str
    overlap_s: float
    parts: tuple["Part", ...]


@dataclass(frozen=True, slots=True)
class Part:
    """A colored span, ``left`` and ``width`` in percent."""

    label: str
    color: int
    left: float
    width: float


@dataclass(frozen=True, slots=True)
class Step:
    """A column of mean scores; its parts are stacked from the bottom, in percent of its height."""

    left: float
    width: float
    title: str
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Lane:
    """A speaker as the page shows it."""

    number: int
    summary: SpeakerSummary
    background: str
    shares: tuple[Part, ...]
    steps: tuple[Step, ...]
    turns: tuple[TurnView, ...]
    strongest: tuple[TurnView, ...]
    changes: tuple[tuple[TurnView, str], ...]


def check_target(target: Path) -> None:
    """Check the name of a report before there is work.

    Raises:
        UsageError: it does not end in ``.html``, or is a folder.
    """
    if target.suffix.lower() not in {".html", ".htm"} or target.is_dir():
        raise UsageError("a report is an .html file", subject=paths.display_path(target), hint="change its name")


def write_report(results: Sequence[Result], recording: Path, target: Path, *, embed_audio: bool = False) -> None:
    """Write the page for a recording; ``results`` are its predictions, one for each channel or one for all.

    The page plays the recording from where it is now, relative to the page, or from the page itself with
    ``embed_audio``.

    Raises:
        AudioError: the recording cannot be decoded.
        StorageError: the page cannot be written.
    """
    content = render_report(results, recording, audio_address(recording, target, embed_audio))
    with paths.writing_file(target) as sibling:
        try:
            sibling.write_text(content, "utf-8", newline="\n")
        except OSError as error:
            raise StorageError(f"cannot write {paths.display_path(target)} ({error.strerror})") from error


def render_report(results: Sequence[Result], recording: Path, address: str) -> str:
    """Return the page's HTML; ``address`` is that of the sound."""
    rows = sorted((row for result in results for row in result.rows), key=lambda row: (row.start, row.end))
    labels = list(results[0].prediction.scores)
    duration = max([audio.probe(recording).duration or 0.0, *(row.end for row in rows), 1e-3])
    lanes = _lanes(rows, labels, recording, duration)
    turns = sorted((turn for lane in lanes for turn in lane.turns), key=lambda turn: turn.number)
    present = {turn.turn.label for turn in turns}
    names = [*labels, *(name for name in (UNKNOWN, NO_SPEECH) if name in present)]
    return render(
        _TEMPLATE,
        title=paths.encodable(recording.name),
        address=address,
        media_type=mimetypes.guess_type(recording.name)[0] or "audio/wav",
        model=results[0].source.model,
        duration=short_clock(duration),
        seconds=f"{duration:.3f}",
        lanes=lanes,
        turns=turns,
        filters=[(name, colors_index(labels, name)) for name in names if name in present],
        colors=list(enumerate(colors_of(labels))),
        ticks=list(_ticks(duration)),
        columns=COLUMNS,
        lane_height=LANE_HEIGHT,
        verdict=_verdict(rows),
        color_of=lambda label: colors_index(labels, label),
        has_speakers=any(isinstance(row, Turn) and row.speaker for row in rows),
        has_text=any(turn.text for turn in turns),
    )


def audio_address(recording: Path, target: Path, embed: bool) -> str:
    """Return the address of a recording for a page: relative to it, or the sound itself as a data URL."""
    if not embed:
        try:
            relative = os.path.relpath(recording, target.parent)
        except ValueError:  # on another drive
            return recording.resolve().as_uri()
        return quote(os.fsencode(Path(relative).as_posix()))
    if recording.suffix.lower() in _PLAYABLE and recording.stat().st_size <= _MAX_EMBEDDED_BYTES:
        kind, content = mimetypes.guess_type(recording.name)[0] or "audio/wav", recording.read_bytes()
    else:
        kind, content = "audio/mpeg", _as_mp3(recording)
    return f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"


def _as_mp3(recording: Path) -> bytes:
    """Return a recording as MP3, mono at 16 kHz: small, and played by every browser."""
    import soundfile

    content = io.BytesIO()
    with soundfile.SoundFile(content, "w", 16_000, 1, format="MP3") as file:
        for block in audio.blocks(recording, 16_000):
            file.write(block)
    return content.getvalue()


def _lanes(rows: Sequence[Prediction], labels: Sequence[str], recording: Path, duration: float) -> list[Lane]:
    numbers = {id(row): number for number, row in enumerate(rows)}
    peaks: dict[int | None, FloatArray] = {}
    lanes = []
    for number, summary in enumerate(summarize(rows, require_speakers=False)):
        if summary.channel not in peaks:
            peaks[summary.channel] = peaks_of(recording, summary.channel, duration)
        own = peaks[summary.channel]
        views = {
            numbers[id(turn)]: _turn_view(turn, numbers[id(turn)], number, summary.name, _Canvas(labels, own, duration))
            for turn in summary.turns
        }
        lanes.append(
            Lane(
                number=number,
                summary=summary,
                background=_shape(own, 0, COLUMNS),
                shares=_stack(summary.emotions, labels),
                steps=_steps(summary, labels, duration),
                turns=tuple(views.values()),
                strongest=tuple(views[numbers[id(turn)]] for turn in summary.strongest),
                changes=tuple((views[numbers[id(c.turn)]], c.before) for c in summary.changes),
            )
        )
    return lanes


class _Canvas(NamedTuple):
    """What a turn is drawn on: the labels, the waveform's peaks, (:data:`COLUMNS`,), and the seconds of it all."""

    labels: Sequence[str]
    peaks: FloatArray
    duration: float


def _turn_view(turn: Prediction, number: int, lane: int, speaker: str, canvas: _Canvas) -> TurnView:
    labels, peaks, duration = canvas
    # The columns of the waveform under a turn, at least one of them:
    #
    #     column    0   1   2   3   4   5   6
    #     turn            |=======|             first = 2, last = 4
    first = min(int(turn.start / duration * COLUMNS), COLUMNS - 1)
    last = min(max(first + 1, round(turn.end / duration * COLUMNS)), COLUMNS)
    parts = turn.timeline if isinstance(turn, Turn) else ()
    length = max(turn.end - turn.start, 1e-3)
    return TurnView(
        number=number,
        lane=lane,
        turn=turn,
        speaker=paths.encodable(speaker),
        text=paths.encodable(text_of(turn)),
        color=colors_index(labels, turn.label),
        percentage=percentage(turn),
        time=short_clock(turn.start),
        left=100 * turn.start / duration,
        width=100 * length / duration,
        shape=_shape(peaks, first, last),
        overlap_s=turn.overlap_s if isinstance(turn, Turn) else 0.0,
        parts=tuple(
            Part(
                part.label,
                colors_index(labels, part.label),
                100 * (part.start - turn.start) / length,
                100 * (part.end - part.start) / length,
            )
            for part in parts
        ),
    )


def _stack(parts: dict[str, float], labels: Sequence[str]) -> tuple[Part, ...]:
    """Return spans that follow each other, in the order of the labels."""
    order = [*labels, UNKNOWN, NO_SPEECH]
    spans, left = [], 0.0
    for label in sorted(parts, key=lambda label: order.index(label) if label in order else len(order)):
        spans.append(Part(label, colors_index(labels, label), left, 100 * parts[label]))
        left += 100 * parts[label]
    return tuple(spans)


def _steps(summary: SpeakerSummary, labels: Sequence[str], duration: float) -> tuple[Step, ...]:
    return tuple(
        Step(
            left=100 * step.start / duration,
            width=100 * (min(step.end, duration) - step.start) / duration,
            title=f"{short_clock(step.start)} to {short_clock(min(step.end, duration))}: "
            + ", ".join(f"{label} {100 * s:.0f}%" for label, s in sorted(step.scores.items(), key=lambda e: -e[1])[:3]),
            parts=_stack(step.scores, labels),
        )
        for step in summary.steps
    )


def peaks_of(recording: Path, channel: int | None, duration: float) -> FloatArray:
    """Return the loudest sample of each column, relative to the loudest of all, (:data:`COLUMNS`,)."""
    chunks, rest = [], np.empty(0, np.float32)
    for block in audio.blocks(recording, _PEAK_RATE, AudioRegion(channel=channel)):
        samples = np.abs(np.concatenate([rest, block]))
        whole = len(samples) // _PEAK_SAMPLES * _PEAK_SAMPLES
        chunks.append(samples[:whole].reshape(-1, _PEAK_SAMPLES).max(axis=1))
        rest = samples[whole:]
    chunks.append(np.array([rest.max(initial=0.0)], np.float32))
    loudest = np.concatenate(chunks)
    # Which column each peak of 20 ms belongs to; columns of a short recording that get none repeat the one before.
    column = np.minimum(
        (np.arange(len(loudest)) * _PEAK_SAMPLES / _PEAK_RATE / duration * COLUMNS).astype(int), COLUMNS - 1
    )
    peaks = np.full(COLUMNS, -1.0, np.float32)
    np.maximum.at(peaks, column, loudest)
    known = np.flatnonzero(peaks >= 0)
    last = np.searchsorted(known, np.arange(COLUMNS), side="right") - 1
    peaks = np.where(
        np.arange(COLUMNS) * duration / COLUMNS <= len(loudest) * _PEAK_SAMPLES / _PEAK_RATE, peaks[known[last]], 0
    )
    return np.asarray(peaks / max(float(peaks.max()), 1e-6), np.float32)


def _shape(peaks: FloatArray, first: int, last: int) -> str:
    """Return an SVG path around the waveform from one column to another, mirrored about the middle of the lane."""
    middle = LANE_HEIGHT / 2
    heights = np.maximum(0.8, np.sqrt(peaks[first:last]) * (middle - 3))  # roots, so that quiet voices show
    upper = [f"{first + i} {middle - h:.1f}H{first + i + 1}" for i, h in enumerate(heights)]
    lower = [f"{first + i + 1} {middle + h:.1f}H{first + i}" for i, h in reversed(list(enumerate(heights)))]
    return "M" + "L".join(upper + lower) + "Z"


def _ticks(duration: float) -> Iterator[tuple[float, str]]:
    """Yield (percent, time) for the ruler: at most eight of them, at round times."""
    step = next((step for step in _TICK_STEPS_S if duration / step <= _MAX_TICKS), _TICK_STEPS_S[-1])
    for number in range(int(duration / step) + 1):
        if number * step <= 0.97 * duration:
            yield 100 * number * step / duration, short_clock(number * step)


def _verdict(rows: Sequence[Prediction]) -> str:
    """Return one sentence about the whole: the two most frequent emotions."""
    speech = [row for row in rows if row.label != NO_SPEECH]
    ranked = [f"{label} {100 * share:.0f}%" for label, share in shares(speech).items()][:2]
    return f"Most frequent: {', '.join(ranked)} of the speaking time" if ranked else "No speech"


def colors_index(labels: Sequence[str], label: str) -> int:
    """Return the number of a label's color; ``unknown`` and ``no speech`` come after those of the model."""
    if label in labels:
        return list(labels).index(label)
    return len(labels) + (1 if label == NO_SPEECH else 0)
