"""Collections of recordings: one corpus per file, which reads labels and speakers from file names.

``sources`` finds the corpora of a command, ``splits`` divides their speakers, ``manifests`` stores a split,
``inspection`` is ``data check``, and ``load`` decodes.
"""

from pathlib import Path

from audio_emotion.core import paths
from audio_emotion.core.errors import CorpusError, UsageError
from audio_emotion.corpora import crema_d, emodb, folders, named, ravdess, savee, table, tess
from audio_emotion.corpora.adapter import Adapter
from audio_emotion.corpora.base import Corpus, LeftOut, Utterance

__all__ = ["CORPORA", "Adapter", "Corpus", "LeftOut", "Utterance", "adapter_of", "locate"]

CORPORA = {
    entry.name: entry
    for entry in (
        *(ravdess.SPEECH, ravdess.SONG, crema_d.ADAPTER, savee.ADAPTER, tess.ADAPTER, emodb.ADAPTER),
        *(named.ADAPTER, folders.ADAPTER, table.ADAPTER),
    )
}
"""Every corpus by name; the last three are for one's own recordings."""


def adapter_of(name: str) -> Adapter:
    """Return a corpus's adapter by its name.

    Raises:
        UsageError: no such corpus.
    """
    if name not in CORPORA:
        raise UsageError(f"unknown corpus {name!r}; there are: {', '.join(CORPORA)}")
    return CORPORA[name]


def locate(name: str, data: Path | None = None) -> Corpus:
    """Find a corpus by name below ``data``, else ``AUDIO_EMOTION_DATA``, else among the downloads.

    Raises:
        UsageError: no such corpus.
        CorpusError: the folder is absent or holds none of the corpus's recordings.
    """
    corpus = adapter_of(name)
    root = data or paths.corpus_root()
    if not root.is_dir():
        raise CorpusError(
            "no such folder",
            subject=str(root),
            hint=f"run 'audio-emotion data download {name}', or name the recordings' folder with --data",
        )
    return corpus.find(root)
