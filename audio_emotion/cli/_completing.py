"""What a shell offers when a word is completed. Where nothing here fits, it offers files.

A key was pressed and somebody waits, so nothing is imported that reads sound or runs a model: names that such modules
know stand here once more, and a test compares them.
"""

from collections.abc import Callable

DEVICES = ("auto", "cpu", "cuda", "mps")
BACKENDS = ("auto", "onnx", "torch")
FORMATS = ("text", "json", "jsonl", "csv", "srt", "vtt", "rttm", "audacity", "audformat")
LABEL_SETS = ("eight", "seven")


def one_of(*words: str) -> Callable[[str], list[str]]:
    """Return what offers those of some words that begin as what was typed."""
    return lambda incomplete: [word for word in words if word.startswith(incomplete)]


def models(incomplete: str) -> list[str]:
    """Offer the names of the models at hand."""
    from audio_emotion.checkpoint import stored

    return one_of(*stored())(incomplete)


def own_models(incomplete: str) -> list[str]:
    """Offer the names of the models that are the user's."""
    return models(incomplete)[1:] if "default".startswith(incomplete) else models(incomplete)


def architectures(incomplete: str) -> list[str]:
    """Offer the networks that can be trained."""
    from audio_emotion.models import architectures as registered

    return one_of(*registered())(incomplete)
