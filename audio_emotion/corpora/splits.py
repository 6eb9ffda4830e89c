"""Splits: which utterances train, which choose the epoch, which are tested on. Values with names.

Unless a split is named ``random``, no speaker stands on two sides; :class:`Split` refuses to be built otherwise.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from audio_emotion.corpora.base import Utterance
from audio_emotion.errors import CorpusError, UsageError

EMOBOX_FOLDS = {
    1: ("01", "11", "20", "21"),
    2: ("04", "10", "12", "14"),
    3: ("08", "09", "19", "23"),
    4: ("03", "05", "07", "24"),
    5: ("02", "15", "16", "18"),
    6: ("06", "13", "17", "22"),
}
"""Test actors of RAVDESS in EmoBox (Ma et al. 2024), fold by fold."""

SPLIT_NAMES = ("speaker", "random", "all", *(f"emobox-{fold}" for fold in EMOBOX_FOLDS))

SIDES = ("train", "validation", "test")
_VALIDATION_SHARE, _TEST_SHARE = 0.15, 0.15
_IDENTITIES: dict[str, Callable[[Utterance], str]] = {
    "recording": lambda u: u.recording,
    "speaker": lambda u: u.speaker,
}


@dataclass(frozen=True)
class Split:
    """Three sides of one collection.

    Attributes:
        name: as in ``SPLIT_NAMES``.
        speaker_dependent: whether speakers may stand on both sides; true of ``random`` alone.

    Raises:
        CorpusError: a recording stands on two sides, or, unless the split is random, a speaker; or nothing is
            left to train on.
    """

    name: str
    train: tuple[Utterance, ...]
    validation: tuple[Utterance, ...]
    test: tuple[Utterance, ...]
    speaker_dependent: bool = False

    def __post_init__(self) -> None:
        if not self.train:
            raise CorpusError(f"the split {self.name!r} leaves nothing to train on; more recordings are needed")
        for kind, key in _IDENTITIES.items():
            if kind == "speaker" and self.speaker_dependent:
                continue
            train, validation, test = ({key(u) for u in side} for side in (self.train, self.validation, self.test))
            shared = (train & validation) | (train & test) | (validation & test)
            if shared:
                raise CorpusError(f"the split {self.name!r} has a {kind} on two sides: {', '.join(sorted(shared))}")

    @property
    def protocol(self) -> str:
        """How the figures of this split may be called."""
        return f"{self.name}, {'speaker-dependent' if self.speaker_dependent else 'speaker-independent'}"

    @property
    def speakers(self) -> dict[str, list[str]]:
        """The speakers of each side, sorted."""
        return {side: sorted({u.speaker for u in getattr(self, side)}) for side in SIDES}

    @property
    def sizes(self) -> dict[str, int]:
        """The number of utterances of each side."""
        return {side: len(getattr(self, side)) for side in SIDES}


def split_utterances(name: str, utterances: Sequence[Utterance], seed: int, validate: bool = True) -> Split:
    """Split by name.

    ``speaker``: 70 / 15 / 15 % of the speakers, drawn with ``seed``. ``emobox-N``: the fold's actors are the
    test side. ``random``: 80 / 20 % of the utterances of each emotion, speakers shared; a tenth of the 80 is
    for validation. ``all``: everything trains. Without ``validate`` the validation side goes to training, for a
    run of a fixed number of epochs.

    Raises:
        UsageError: no such name.
        CorpusError: too few speakers, or a fold's actors are missing.
    """
    if name == "all":
        return Split(name, tuple(utterances), (), ())
    if name == "random":
        split = _random(utterances, seed)
    elif name == "speaker":
        split = _by_speaker(name, utterances, _drawn_speakers(utterances, _TEST_SHARE, seed), seed)
    elif name in SPLIT_NAMES:
        actors = EMOBOX_FOLDS[int(name.removeprefix("emobox-"))]
        split = _by_speaker(name, utterances, [f"ravdess/{actor}" for actor in actors], seed)
    else:
        raise UsageError(f"no split is called {name!r}; choose one of {', '.join(SPLIT_NAMES)}")
    return split if validate else replace(split, train=split.train + split.validation, validation=())


def _drawn_speakers(utterances: Iterable[Utterance], share: float, seed: int) -> list[str]:
    speakers = sorted({u.speaker for u in utterances})
    if len(speakers) < 3:
        raise CorpusError(
            f"{len(speakers)} speaker(s) found ({', '.join(speakers)}), and a split by speaker needs at least 3; "
            "add speakers, or use --split random"
        )
    drawn = np.random.default_rng(seed).permutation(speakers)[: max(1, round(share * len(speakers)))]
    return [str(speaker) for speaker in drawn]


def _by_speaker(name: str, utterances: Sequence[Utterance], test_speakers: Sequence[str], seed: int) -> Split:
    missing = set(test_speakers) - {u.speaker for u in utterances}
    if missing:
        raise CorpusError(f"the split {name!r} tests on {', '.join(sorted(missing))}, who are not in the data")
    rest = [u for u in utterances if u.speaker not in test_speakers]
    validation_speakers = _drawn_speakers(rest, _VALIDATION_SHARE / (1 - _TEST_SHARE), seed + 1)
    return Split(
        name,
        train=tuple(u for u in rest if u.speaker not in validation_speakers),
        validation=tuple(u for u in rest if u.speaker in validation_speakers),
        test=tuple(u for u in utterances if u.speaker in test_speakers),
    )


def _random(utterances: Sequence[Utterance], seed: int) -> Split:
    rng = np.random.default_rng(seed)
    side_of: dict[str, str] = {}  # recording → side
    for label in sorted({u.label for u in utterances}):
        recordings = rng.permutation(sorted({u.recording for u in utterances if u.label == label}))
        n_test = round(0.2 * len(recordings))
        n_validation = round(0.1 * (len(recordings) - n_test))
        sides = np.repeat(
            ["test", "validation", "train"], [n_test, n_validation, len(recordings) - n_test - n_validation]
        )
        side_of |= dict(zip(recordings.tolist(), sides.tolist(), strict=True))
    train, validation, test = (tuple(u for u in utterances if side_of[u.recording] == side) for side in SIDES)
    return Split("random", train, validation, test, speaker_dependent=True)
