"""One's own recordings in a folder for each emotion, ``happy/0001.wav`` or ``happy/anna/0001.wav``.

The first folder between the root and a file that names an emotion gives the label, and the first other one the speaker,
so that ``anna/happy/0001.wav`` works too. ``train``, ``val`` and ``test`` are no speakers, and neither is ``audio``:
then the next folder counts. Without another folder the speaker is ``unknown``; file names are not interpreted.
"""

from collections import deque
from collections.abc import Sequence
from pathlib import Path

from audio_emotion.core.emotions import is_outside
from audio_emotion.core.errors import CorpusError
from audio_emotion.corpora.adapter import OwnFiles, collection_name, recordings
from audio_emotion.corpora.base import Corpus, LeftOut, Utterance
from audio_emotion.corpora.labels import LabelSet
from audio_emotion.corpora.speakers import NO_SPEAKER, is_split_name, not_speakers


def read(path: Path, root: Path, labels: LabelSet) -> Utterance | str:
    """Read the folders between ``root`` and ``path``; without the other files, ``train`` counts as a speaker."""
    folders = path.relative_to(root).parts[:-1]
    named = next((folder for folder in folders if labels.find(folder) or is_outside(folder)), None)
    if named is None:
        return "no folder on its way names an emotion"
    label = labels.find(named)
    if label is None:
        return f"{named.lower()} is outside the emotions '{labels.name}'"
    speaker = next((folder for folder in folders if folder != named), NO_SPEAKER)
    return Utterance(path, label, f"{collection_name(root)}/{speaker}")


def _search(root: Path, labels: LabelSet) -> Corpus:
    utterances, left_out = [], []
    name = collection_name(root)
    for path in recordings(root):
        result = read(path, root, labels)
        if isinstance(result, str):
            left_out.append(LeftOut(path, result))
        else:
            utterances.append(result)
    if not utterances:
        raise CorpusError(
            f"no recording found in a folder named for an emotion ({', '.join(labels.labels)})",
            subject=str(root),
            hint="expected paths such as happy/0001.wav or happy/anna/0001.wav",
        )
    speakers, parts = _speakers([_other_folders(u.path, root, labels) for u in utterances])
    named = tuple(
        Utterance(u.path, u.label, f"{name}/{speaker}") for u, speaker in zip(utterances, speakers, strict=True)
    )
    return Corpus(name, named, "unknown", tuple(left_out), notes=_notes(root, parts))


def _other_folders(path: Path, root: Path, labels: LabelSet) -> deque[str]:
    """Return the folders on a file's way without the one that gave the label."""
    folders = path.relative_to(root).parts[:-1]
    named = next(folder for folder in folders if labels.find(folder))
    return deque(folder for folder in folders if folder != named)


def _speakers(ways: Sequence[deque[str]]) -> tuple[list[str], list[str]]:
    """Return each file's speaker, and the names of folders that are parts of a split.

    The first folders of all ways are one level: ``train``, ``val`` and ``test``, or the speakers. A level that holds
    no speakers is dropped, and the next one is looked at.
    """
    dropped: set[str] = set()
    while skipped := not_speakers(way[0] for way in ways if way) or _around_a_split(ways):
        dropped |= skipped
        for way in ways:
            if way and way[0] in skipped:
                way.popleft()
    return [way[0] if way else NO_SPEAKER for way in ways], sorted(filter(is_split_name, dropped))


def _around_a_split(ways: Sequence[deque[str]]) -> set[str]:
    """Return the one folder that all files are in, if what it holds are parts of a split; else nothing."""
    first = {way[0] for way in ways if way}
    second = {way[1] for way in ways if len(way) > 1}
    in_a_split = all(len(way) > 1 for way in ways) and second <= not_speakers(second)
    return first if len(first) == 1 and in_a_split else set()


def _notes(root: Path, parts: Sequence[str]) -> tuple[str, ...]:
    if not parts:
        return ()
    return (
        f"{root}: the folders {', '.join(parts)} are parts of a split and not speakers, and a new split is drawn; "
        "to keep the given one, name them apart, as --data folders=k/train --test-data folders=k/test",
    )


ADAPTER = OwnFiles(
    name="folders",
    title="a folder for each emotion, in it one for each speaker",
    licence="unknown",
    obtain="they are your own",
    searcher=_search,
)
