"""What a shell offers when a word is completed. Where nothing here fits, it offers files.

A key was pressed and somebody waits, so nothing is imported that reads sound or runs a model: names that such modules
know stand here once more, and a test compares them.
"""

from collections.abc import Callable

DEVICES = ("auto", "cpu", "cuda", "mps")
BACKENDS = ("auto", "onnx", "onnx-int8", "torch")
FORMATS = (
    *("text", "json", "jsonl", "csv", "srt", "vtt", "rttm", "audacity", "audformat"),
    *("textgrid", "eaf", "label-studio"),
)
EXPORTS = ("onnx", "onnx-fp16", "onnx-int8", "ort", "ort-int8", "torch")
LABEL_SETS = ("eight", "seven")
SPLITS = ("speaker", "random", "all", *(f"emobox-{fold}" for fold in range(1, 7)))
FOLDS = (
    *("emobox", "luna-jimenez", "leave-one-speaker-out", "leave-one-corpus-out", "union"),
    *("5-fold", "10-fold", "random-10-fold"),
)


def one_of(*words: str) -> Callable[[str], list[str]]:
    """Return what offers those of some words that begin as what was typed."""
    return lambda incomplete: [word for word in words if word.startswith(incomplete)]


def models(incomplete: str) -> list[str]:
    """Offer the names of the models at hand."""
    from audio_emotion.models.checkpoint import stored

    return one_of(*stored())(incomplete)


def own_models(incomplete: str) -> list[str]:
    """Offer the names of the models that are the user's."""
    return models(incomplete)[1:] if "default".startswith(incomplete) else models(incomplete)


def corpora(incomplete: str) -> list[str]:
    """Offer the corpora that can be downloaded."""
    from audio_emotion.corpora import CORPORA

    return one_of(*CORPORA)(incomplete)


def architectures(incomplete: str) -> list[str]:
    """Offer the networks that can be trained."""
    from audio_emotion.models import architectures as registered

    return one_of(*registered())(incomplete)
