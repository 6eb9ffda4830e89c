"""Shell completion. If nothing here matches, the shell offers files.

Completion must be fast, so this module imports nothing that reads audio or runs a model. It repeats names that such
modules define, and a test compares them.
"""

from collections.abc import Callable

DEVICES = ("auto", "cpu", "cuda", "mps")
BACKENDS = ("auto", "onnx", "onnx-int8", "torch")
FORMATS = (
    *("text", "json", "jsonl", "csv", "srt", "vtt", "rttm", "audacity", "audformat"),
    *("textgrid", "eaf", "label-studio"),
)
EXPORTS = ("onnx", "onnx-int8", "ort", "ort-int8", "torch")
LABEL_SETS = ("eight", "seven")
SPLITS = ("speaker", "random", "all", *(f"emobox-{fold}" for fold in range(1, 7)))
FOLDS = (
    *("emobox", "luna-jimenez", "leave-one-speaker-out", "leave-one-corpus-out", "union"),
    *("5-fold", "10-fold", "random-10-fold"),
)


def one_of(*words: str) -> Callable[[str], list[str]]:
    """Return a completion function for a fixed list of words."""
    return lambda incomplete: [word for word in words if word.startswith(incomplete)]


def models(incomplete: str) -> list[str]:
    """Complete the names of available models."""
    from audio_emotion.models.checkpoint import stored

    return one_of(*stored())(incomplete)


def own_models(incomplete: str) -> list[str]:
    """Complete the names of the user's own models."""
    from audio_emotion.models.checkpoint import BUNDLED

    return [name for name in models(incomplete) if name not in BUNDLED]


def corpora(incomplete: str) -> list[str]:
    """Complete the names of corpora."""
    from audio_emotion.corpora import CORPORA

    return one_of(*CORPORA)(incomplete)


def architectures(incomplete: str) -> list[str]:
    """Complete the names of architectures."""
    from audio_emotion.models import architectures as registered

    return one_of(*registered())(incomplete)
