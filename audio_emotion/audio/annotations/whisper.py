"""JSON of Whisper and its relatives, of AssemblyAI, and our own.

The relatives are openai-whisper, faster-whisper, whisperX, whisper.cpp and Transformers.

::

    {"segments": [{"start": 0.0, "end": 2.5, "text": "...", "speaker": "...", "words": [...]}]}    Whisper, whisperX
    {"transcription": [{"offsets": {"from": 0, "to": 2500}, "text": "...", "speaker": "0"}]}      whisper.cpp, in ms
    {"chunks": [{"timestamp": [0.0, 2.5], "text": "..."}], "speakers": [...]}                     Transformers
    {"words": [{"word": "...", "start": 0.0, "end": 0.4}]}                                        words alone
    {"audio_duration": 9, "utterances": [{"start": 0, "end": 2500, "text": "...", "speaker": "A"}]}    AssemblyAI, in ms
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from audio_emotion.audio.annotations.document import Document, Entry, UnreadableError, parse_channel, parse_time
from audio_emotion.audio.annotations.speakers import split_speakers
from audio_emotion.audio.segments import Segment, group_words

_LISTS = ("segments", "transcription", "speakers", "chunks", "word_segments", "words")
"""Where the segments may be; the first list that is not empty counts."""


def matches(document: Document) -> bool:
    """Return whether it looks like JSON; a line in brackets does not."""
    text = document.text.lstrip()
    return text.startswith("{") or (text.startswith("[") and text[1:].lstrip()[:1] in ("{", "]", "["))


def read(document: Document) -> Iterator[Entry]:
    """Yield the segments; where words name their speakers, a segment is divided where the speaker changes.

    Words that belong to no segment are joined to utterances by the pauses between them.

    Raises:
        UnreadableError: it is not valid JSON, or has no list of segments.
    """
    yield from _entries(_parse(document.text), document, None)


def _parse(text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        try:  # one object a line
            return [json.loads(line) for line in text.split("\n") if line.strip()]
        except (ValueError, RecursionError):
            raise UnreadableError(f"line {error.lineno}: is not valid JSON ({error.msg})") from None
    except (ValueError, RecursionError) as error:
        raise UnreadableError(f"is not valid JSON ({type(error).__name__})") from None


def _entries(content: Any, document: Document, recording: str | None) -> Iterator[Entry]:
    if isinstance(content, Mapping):
        if timed := _assemblyai_items(content):
            document.notes.append(f"{document.name}: times are read as milliseconds, as AssemblyAI writes them")
            yield from _items(timed, document, recording)
            return
        file = content.get("file")
        recording = file if isinstance(file, str) else recording
        items = next((value for name in _LISTS if isinstance(value := content.get(name), list) and value), None)
        if items is None:
            if any(isinstance(content.get(name), list) for name in _LISTS):
                return  # silence: no segment
            if None in _times(content):
                raise UnreadableError(f"has none of the lists {', '.join(_LISTS)}")
            items = [content]  # one line of JSONL
    elif isinstance(content, list):
        items = content
    else:
        raise UnreadableError("is JSON without a list of segments")
    if items and all(isinstance(item, Mapping) and isinstance(item.get("segments"), list) for item in items):
        for item in items:
            yield from _entries(item, document, recording)  # results of several recordings
        return
    yield from _items(items, document, recording)


def _assemblyai_items(content: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the utterances of AssemblyAI, or its words if there are none, in seconds; empty for any other file."""
    duration_s = _seconds(content.get("audio_duration"))
    given = content.get("utterances") or content.get("words")
    if duration_s is None or not isinstance(given, list) or not all(isinstance(item, Mapping) for item in given):
        return []
    times = [time for item in given for time in (item.get("start"), item.get("end"))]
    is_ms = all(type(time) is int for time in times) and max(times, default=0) > duration_s + 1  # bool is no time
    if not is_ms:
        return []
    items = [{**item, "start": item["start"] / 1000, "end": item["end"] / 1000, "words": None} for item in given]
    return items if content.get("utterances") else [{**item, "word": item.get("text")} for item in items]


def _items(items: Sequence[Any], document: Document, recording: str | None) -> Iterator[Entry]:
    known = [(n, item) for n, item in enumerate(items, start=1) if isinstance(item, Mapping)]
    for n in sorted(set(range(1, len(items) + 1)) - {n for n, _ in known})[:1]:
        document.problems.skip("item", f"segment {n}", "is not an object with start and end")
    if known and all("word" in item for _, item in known):
        for utterance in group_words(_words([item for _, item in known], "", None)):
            yield Entry(f"words at {utterance.start:g} s", utterance, recording)
        return
    spoken = split_speakers([[str(item.get("text") or "").strip()] for _, item in known])
    for (n, item), parts in zip(known, spoken, strict=True):
        own = item.get("file")
        of = own if isinstance(own, str) else recording
        for segment in _segments(item, *parts[0]):
            if segment is None:
                document.problems.skip("time", f"segment {n}", "has no start and end in seconds")
            else:
                yield Entry(f"segment {n}", segment, of)


def _segments(item: Mapping[str, Any], named: str, text: str) -> Iterator[Segment | None]:
    """Yield the segments of one item: one for each speaker in a row; None where it has no times."""
    given = item.get("speaker")
    speaker = str(given).strip() if isinstance(given, str | int) and not isinstance(given, bool) else ""
    channel = parse_channel(item.get("channel"))
    of_words = item.get("words")
    words = [word for word in of_words if isinstance(word, Mapping)] if isinstance(of_words, list) else []
    spoken = list(_words(words, speaker or named, channel))
    if len({word.speaker for word in spoken}) > 1:
        yield from group_words(spoken, pause_s=float("inf"))
        return
    start, end = _times(item)
    if (start is None or end is None) and spoken:
        start, end = spoken[0].start, max(word.end for word in spoken)
    if start is None or end is None:
        yield None
        return
    by_word = spoken[0].speaker if spoken else ""
    yield Segment(start, end, speaker or named or by_word, text, channel)


def _words(items: Sequence[Mapping[str, Any]], speaker: str, channel: int | None) -> Iterator[Segment]:
    """Yield words as segments. One without times (whisperX aligns no digits) stands at the end of the word before."""
    end = None
    for item in items:
        word_start, word_end = _times(item)
        if word_start is None or word_end is None:
            if end is None:
                continue
            word_start = word_end = end
        given = item.get("speaker")
        if isinstance(given, str) and given:
            speaker = given
        own = parse_channel(item.get("channel"))
        text = item.get("word", item.get("text"))
        end = word_end
        yield Segment(word_start, word_end, speaker, str(text or ""), channel if own is None else own)


def _times(item: Mapping[str, Any]) -> tuple[float | None, float | None]:
    """Return start and end in seconds; None where one is missing."""
    offsets, pair = item.get("offsets"), item.get("timestamp")
    if isinstance(offsets, Mapping):
        first, last = (_seconds(offsets.get(name)) for name in ("from", "to"))
        return (None if first is None else first / 1000), (None if last is None else last / 1000)
    if isinstance(pair, list) and len(pair) == 2:
        return _seconds(pair[0]), _seconds(pair[1])
    return _seconds(item.get("start")), _seconds(item.get("end"))


def _seconds(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        return parse_time(value) if isinstance(value, str) else float(value)
    except (ValueError, OverflowError):
        return None
