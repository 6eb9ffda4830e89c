"""A conversation: the turns of a transcript, or of the speakers that were found, predicted one by one."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from audio_emotion.audio.segments import Segment
from audio_emotion.core.errors import AudioError, UsageError
from audio_emotion.core.types import Turn
from audio_emotion.inference.model import Model
from audio_emotion.inference.prediction import overall
from audio_emotion.inference.turns import score_turns
from audio_emotion.web.jobs import SHORT_WINDOWS, ChannelResult, TakesLong
from audio_emotion.web.uploads import TRANSCRIPT

if TYPE_CHECKING:
    from audio_emotion.web.upload_task import UploadTask

_MAX_SHARE = 2.0  # what all turns may last, as a share of the longest recording: turns of several speakers overlap
_DETAIL_S = 1.0  # between the windows of a long turn's own timeline


def is_conversation(task: "UploadTask") -> bool:
    """Tell whether an upload is predicted turn by turn."""
    return TRANSCRIPT in task.upload.parts or task.request.n_speakers is not None


def predict_turns(task: "UploadTask", model: Model, n_channels: int, notes: tuple[str, ...]) -> ChannelResult:
    """Return the result for a conversation.

    Raises as :meth:`audio_emotion.web.upload_task.UploadTask.predict`.
    """
    region = task.request.region
    if region.start or region.end is not None:
        raise UsageError("start and end: turns say which part of the recording they are; leave start and end out")
    if task.is_fast and task.request.n_speakers is not None:
        raise TakesLong
    segments, more = _segments(task)
    by_channel = _by_channel(segments, region.channel, n_channels)
    _check_work(task, [segment for own in by_channel.values() for segment in own], model)
    turns: list[Turn] = []
    overviews: dict[int | None, Mapping[str, Any] | None] = {}
    notes += tuple(more)
    for channel, own in by_channel.items():
        overviews[channel], late = _score(task, model, channel, own, turns)
        notes += late
    turns.sort(key=lambda turn: (turn.start, turn.end))
    whole = overall(turns, model.config, region.channel)
    return ChannelResult(task.result(whole, tuple(turns), notes), overviews, notes)


def _segments(task: "UploadTask") -> tuple[list[Segment], list[str]]:
    """Return the turns, and what the user should know of them."""
    request, name = task.request, task.upload.name
    if TRANSCRIPT in task.upload.parts:
        if request.n_speakers is not None:
            raise UsageError(f"speakers: the part {TRANSCRIPT!r} says already who speaks when; leave one of them out")
        (event,) = task.events(request.region, "transcript", recording=name.rpartition(".")[0] or name)
    else:
        (event,) = task.events(request.region, "speakers", n_speakers=request.n_speakers or None)
    segments = [Segment(**fields) for fields in event.note["segments"]]
    if not segments:
        raise task.failed("decode", f"{name}: no speech found; a conversation needs speech")
    notes = [str(note) for note in event.note.get("notes", ())]
    transcript = task.upload.parts.get(TRANSCRIPT)
    return segments, [note.replace(str(transcript.path), transcript.name) for note in notes] if transcript else notes


def _by_channel(segments: Sequence[Segment], channel: int | None, n_channels: int) -> dict[int | None, list[Segment]]:
    """Return the segments of each channel that is decoded; None is the mean of all.

    A segment without a channel, or with one that the recording does not have, is predicted from the mean. If the
    request names a channel, the segments of others are left out.
    """
    by_channel: dict[int | None, list[Segment]] = {}
    for segment in segments:
        own = segment.channel if n_channels > 1 and (segment.channel or 0) <= n_channels else None
        if channel is not None and segment.channel not in (None, channel):
            continue
        by_channel.setdefault(own if channel is None else channel, []).append(replace(segment, channel=None))
    if not by_channel:
        raise UsageError(f"channel: no turn is on channel {channel}; choose another")
    return by_channel


def _check_work(task: "UploadTask", segments: Sequence[Segment], model: Model) -> None:
    """Refuse turns that would be too much work, before it starts."""
    longest_s = task.config.duration_s
    lengths = [min(segment.end, longest_s) - segment.start for segment in segments if segment.start < longest_s]
    if sum(lengths) > _MAX_SHARE * longest_s:
        raise task.failed("limit", f"{task.upload.name}: all turns last longer than {_MAX_SHARE * longest_s:g} s")
    own_s = model.config.window_samples / model.config.sampling_rate
    n_windows = sum(1 + int(s / (own_s / 2)) + (int(s / _DETAIL_S) if s > own_s else 0) for s in lengths)
    if n_windows > task.config.max_windows:
        raise task.too_many(n_windows)
    if task.is_fast and n_windows > SHORT_WINDOWS:
        raise TakesLong


def _score(
    task: "UploadTask", model: Model, channel: int | None, segments: Sequence[Segment], turns: list[Turn]
) -> tuple[Mapping[str, Any] | None, tuple[str, ...]]:
    """Add the turns of one channel to ``turns``; return the channel's overview, and what the user should know.

    The channel is decoded by a worker into a WAV file of our own, which this process can read without danger.
    """
    path = task.upload.path.with_suffix(".wav")
    n_before = len(turns)
    try:
        overview = task.write_wav(path, replace(task.request.region, channel=channel), "FLOAT")
        for turn in score_turns(model, path, segments, task.request.timeline, adapt=task.request.adapt):
            turns.append(replace(turn, channel=channel))
            task.job.share = (len(turns) - n_before) / len(segments)
    except AudioError as error:
        message = str(error).replace(str(path), task.upload.name)
        if len(turns) == n_before:
            raise task.failed("decode", message) from error
        return overview, (message,)
    finally:
        path.unlink(missing_ok=True)
    return overview, ()
