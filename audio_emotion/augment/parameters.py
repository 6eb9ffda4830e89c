"""Settings that no transform of sound has: those of features, whose code needs torch, of use and of repetition."""

from dataclasses import dataclass

from audio_emotion.core.schema import number


@dataclass(frozen=True)
class Use:
    """How often a transform of sound is used: for this ``share`` of utterances."""

    share: float = number(0.5, 0.0, 1.0)


@dataclass(frozen=True)
class Repetition:
    """Which results are kept and used again: see :func:`audio_emotion.augment.problems`."""

    versions: int = number(0, 0, 1_000)
    repeat_after: int = number(0, 0, 1_000)


@dataclass(frozen=True)
class SpecAugment:
    """Two bands of up to ``max_bins`` and two spans of up to ``max_frames`` are set to the mean."""

    max_bins: int = number(8, 0, 1_000, "bins")
    max_frames: int = number(20, 0, 10_000, "frames")


@dataclass(frozen=True)
class Mixup:
    """Each utterance is blended with another one, the share drawn from Beta(``alpha``, ``alpha``); 0: not at all."""

    alpha: float = number(0.3, 0.0, 10.0)


@dataclass(frozen=True)
class Vtlp:
    """Frequencies up to about ``corner_hz`` are multiplied by a factor, those above fill the band's rest."""

    lowest: float = number(0.9, 0.5, 2.0, "times", at_most="highest")
    highest: float = number(1.1, 0.5, 2.0, "times")
    corner_hz: float = number(4_800.0, 500.0, 20_000.0, "Hz")
