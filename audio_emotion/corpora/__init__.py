"""Collections of recordings: names and labels, no decoding; and how they are split."""

from pathlib import Path

from audio_emotion import paths
from audio_emotion.corpora import ravdess
from audio_emotion.corpora.base import Corpus, Utterance
from audio_emotion.errors import CorpusError

__all__ = ["CORPORA", "Corpus", "Utterance", "locate"]

CORPORA = {"ravdess": ravdess.find}


def locate(name: str, data: Path | None = None) -> Corpus:
    """Find a corpus by name below ``data``, else ``AUDIO_EMOTION_DATA``, else among the downloads.

    Raises:
        CorpusError: the folder is absent or holds none of the corpus's recordings.
    """
    root = data or paths.corpus_root()
    if not root.is_dir():
        raise CorpusError(
            f"{root}: no such folder; run 'audio-emotion data download {name}', "
            "or name the recordings' folder with --data"
        )
    return CORPORA[name](root)
