"""One's own recordings in a folder for each emotion, ``happy/0001.wav`` or ``happy/anna/0001.wav``.

Of the folders between the root and a file, the first that names an emotion gives the label, and the first other one
the speaker, so that ``anna/happy/0001.wav`` does as well. Where there is no other one, the speaker is ``unknown``:
a split by speaker then says that it needs more speakers, and does not guess them from the names of files.
"""

from pathlib import Path

from audio_emotion.core.emotions import is_outside
from audio_emotion.core.errors import CorpusError
from audio_emotion.corpora.adapter import Adapter, collection_name, recordings
from audio_emotion.corpora.base import Corpus, LeftOut, Utterance
from audio_emotion.corpora.labels import LabelSet


def read(path: Path, root: Path, labels: LabelSet) -> Utterance | str:
    """Read the folders on the way from ``root`` to ``path``."""
    folders = path.relative_to(root).parts[:-1]
    named = next((folder for folder in folders if labels.find(folder) or is_outside(folder)), None)
    if named is None:
        return "no folder on its way names an emotion"
    label = labels.find(named)
    if label is None:
        return f"{named.lower()} is outside the emotions '{labels.name}'"
    speaker = next((folder for folder in folders if folder != named), "unknown")
    return Utterance(path, label, f"{collection_name(root)}/{speaker}")


def _search(root: Path, labels: LabelSet) -> Corpus:
    utterances, left_out = [], []
    for path in recordings(root):
        said = read(path, root, labels)
        if isinstance(said, str):
            left_out.append(LeftOut(path, said))
        else:
            utterances.append(said)
    if not utterances:
        raise CorpusError(
            f"{root}: no recording found in a folder named for an emotion ({', '.join(labels.labels)}); "
            "expected paths such as happy/0001.wav or happy/anna/0001.wav"
        )
    return Corpus(collection_name(root), tuple(utterances), "unknown", tuple(left_out))


ADAPTER = Adapter(
    name="folders",
    title="a folder for each emotion, in it one for each speaker",
    licence="unknown",
    obtain="they are your own",
    search=_search,
)
