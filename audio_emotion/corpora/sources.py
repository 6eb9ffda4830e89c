"""Several corpora at once: ``ravdess=DIR savee=DIR``, or folders that say by their names what they hold."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from audio_emotion.core.errors import CorpusError
from audio_emotion.corpora import CORPORA, Adapter, Corpus, LeftOut, Utterance, adapter_of, folders
from audio_emotion.corpora.adapter import recordings
from audio_emotion.corpora.labels import LabelSet, label_set
from audio_emotion.corpora.speakers import unify_speakers
from audio_emotion.corpora.table import SUFFIXES


@dataclass(frozen=True)
class CorpusSource:
    """Where a corpus lies.

    Attributes:
        adapter: how it is read.
        path: its folder, or its table.
        recognised: whether the corpus was not named, but recognised by the names of its files.
    """

    adapter: Adapter
    path: Path
    recognised: bool = False


def parse_sources(texts: Sequence[str]) -> tuple[CorpusSource, ...]:
    """Read sources written as ``NAME=PATH``, or as a path alone, of which the corpus is recognised.

    Raises:
        UsageError: no corpus of that name.
        CorpusError: the path is absent, or it holds none or several of the corpora.
    """
    return tuple(_parse(text) for text in texts)


def _parse(text: str) -> CorpusSource:
    name, equals, rest = text.partition("=")
    if not equals or Path(text).exists():  # a path may hold an equals sign itself
        path = _existing(text)
        return CorpusSource(_recognise(path), path, recognised=True)
    adapter = adapter_of(name)
    return CorpusSource(adapter, _existing(rest))


def _existing(text: str) -> Path:
    path = Path(text).expanduser()
    if not path.exists():
        raise CorpusError("no such folder or table", subject=str(path), hint="check the path")
    return path


def _recognise(path: Path) -> Adapter:
    """Tell which corpus lies at ``path``: whose convention the names of files follow, else folders of emotions."""
    if path.is_file():
        if path.suffix.lower() in SUFFIXES:
            return CORPORA["table"]
        raise CorpusError(
            "is neither a folder nor a table",
            subject=str(path),
            hint="expected a folder, or a table saved as CSV or JSON lines",
        )
    files = recordings(path)
    if not files:
        raise CorpusError(
            "contains no recording", subject=str(path), hint="expected files such as *.wav or *.flac, in it or below"
        )
    counts = {name: sum(isinstance(entry.read(file), Utterance) for file in files)
              for name, entry in CORPORA.items() if entry.read}  # fmt: skip
    matches = [name for name, n_files in counts.items() if n_files]
    if len(matches) > 1:
        listed = ", ".join(f"{name} ({counts[name]})" for name in matches)
        raise CorpusError(
            f"has recordings of several corpora: {listed}",
            subject=str(path),
            hint=f"name those that you want, as {matches[0]}={path}",
        )
    if matches:
        return CORPORA[matches[0]]
    if any(isinstance(folders.read(file, path, label_set()), Utterance) for file in files):
        return CORPORA["folders"]
    raise CorpusError(
        f"not recognised by the names of its {len(files)} recording(s); name the corpus, as folders={path}",
        subject=str(path),
        hint=f"there are: {', '.join(CORPORA)}",
    )


def gather(sources: Sequence[CorpusSource], labels: LabelSet | None = None) -> Corpus:
    """Find the recordings of all sources and join them, with ``labels`` (the eight, if None).

    Speakers carry their corpus's name and so stay apart; RAVDESS speech and song share theirs, who are the same
    people. Spellings of one speaker that differ in case, separators or composed letters become one. A stretch of sound
    that stands in two sources is left out of the later one.

    Raises:
        CorpusError: a source holds nothing of its corpus, a table is wrong, or no utterance has one of the labels.
    """
    labels = labels or label_set()
    corpora = [labels.restrict(source.adapter.find(source.path, labels)) for source in sources]
    utterances: list[Utterance] = []
    left_out: list[LeftOut] = []
    published: Counter[tuple[str, str]] = Counter()
    seen: dict[tuple[Path, float, float | None], str] = {}
    for corpus in corpora:
        left_out.extend(corpus.left_out)
        published.update(corpus.published)
        for utterance in corpus.utterances:
            key = (utterance.path.resolve(), utterance.start, utterance.end)
            if key in seen:
                left_out.append(LeftOut(utterance.path, f"already there as part of {seen[key]}"))
            else:
                seen[key] = corpus.name
                utterances.append(utterance)
    if not utterances:
        raise CorpusError(
            f"none of the recordings has a label of the set '{labels.name}' ({labels.description}); choose other labels"
        )
    same, spellings = unify_speakers(utterances)
    notes = dict.fromkeys(note for corpus in corpora for note in corpus.notes)
    names = dict.fromkeys(name for corpus in corpora for name in corpus.names)
    licences = dict.fromkeys(licence for corpus in corpora for licence in corpus.licence.split(" AND "))
    return Corpus("+".join(names), same, " AND ".join(licences), tuple(left_out), dict(published), (*notes, *spellings))
