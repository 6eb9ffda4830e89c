"""Splits: which utterances are for training, for validation and for the test.

Only splits whose name starts with ``random`` may share speakers. Any other split is an error if a speaker is on two
sides, and every split is an error if a recording is in two of them.
"""

import json
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files

import numpy as np

from audio_emotion.core.errors import CorpusError, UsageError
from audio_emotion.corpora.base import Utterance
from audio_emotion.corpora.speakers import has_name, speaker_key

NAMED_FOLDS = {
    "emobox": (
        ("01", "11", "20", "21"),
        ("04", "10", "12", "14"),
        ("08", "09", "19", "23"),
        ("03", "05", "07", "24"),
        ("02", "15", "16", "18"),
        ("06", "13", "17", "22"),
    ),
    "luna-jimenez": (
        ("02", "05", "14", "15", "16"),
        ("03", "06", "07", "13", "18"),
        ("10", "11", "12", "19", "20"),
        ("08", "17", "21", "23", "24"),
        ("01", "04", "09", "22"),
    ),
}
"""Test actors of RAVDESS, fold by fold: EmoBox (Ma et al. 2024) and Luna-Jiménez et al. 2021."""

ACROSS_CORPORA = ("leave-one-corpus-out", "union")
"""Sets of folds over several corpora."""

SETS = (
    "emobox, luna-jimenez, leave-one-speaker-out, leave-one-corpus-out, union, K-fold as 5-fold, random-K-fold as "
    "random-10-fold"
)
"""What a set of folds may be called, for messages."""

NAMES = f"speaker, random, all; one fold of a set: its name and a number, as emobox-5, of {SETS}"
"""What a split may be called, for messages."""

SIDES = ("train", "validation", "test")
DEFAULT_SHARES = (70, 15, 15)
"""Percentages of the speakers for training, validation and test, by default."""

_VALIDATION_SHARE = 0.18  # of the speakers that a fold trains on: about the same as in 70 / 15 / 15


@dataclass(frozen=True)
class Split:
    """Three sides of one collection.

    Attributes:
        name: as in ``NAMES``.
        train: trained on.
        validation: chooses the epoch and the temperature.
        test: reported on.
        remark: what a reader of its figures must also know, such as missing actors.
        base_speakers: speakers that the base model was trained on.

    Raises:
        CorpusError: a recording is in two sets, or, unless the split is random, a speaker; or nothing is left to
            train on.
    """

    name: str
    train: tuple[Utterance, ...]
    validation: tuple[Utterance, ...]
    test: tuple[Utterance, ...]
    remark: str = ""
    base_speakers: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.train:
            raise CorpusError(f"the split {self.name!r} leaves nothing to train on; more recordings are needed")
        recordings = self._on_two_sides(lambda utterance: utterance.recording)
        if recordings:
            raise CorpusError(f"the split {self.name!r} has a recording in two sets: {self._files(recordings)}")
        speakers = {u.speaker for side in SIDES for u in getattr(self, side) if has_name(u)}
        shared = self._on_two_sides(lambda utterance: speaker_key(utterance.speaker))
        named = sorted(speaker for speaker in speakers if speaker_key(speaker) in shared)
        if named and not self.name.startswith("random"):
            raise CorpusError(f"the split {self.name!r} has a speaker in two sets: {', '.join(named)}")

    def _on_two_sides(self, key: Callable[[Utterance], str]) -> set[str]:
        """Return what utterances of two sets have in common."""
        train, validation, test = ({key(u) for u in side} for side in (self.train, self.validation, self.test))
        return (train & validation) | (train & test) | (validation & test)

    def _files(self, shared: set[str]) -> str:
        """Name the files of one recording that is in two sets, and what to do."""
        first = min(shared)
        files = [str(u.path) for side in SIDES for u in getattr(self, side) if u.recording == first]
        more = f", and {len(shared) - 1} more" if len(shared) > 1 else ""
        return f"{' = '.join(files)}{more}; leave all but one of each out ('audio-emotion data check' lists them)"

    @property
    def speaker_dependent(self) -> bool:
        """Whether a tested speaker may be trained on too: in random splits, and where speakers have no names."""
        return self.name.startswith("random") or bool(self._unnamed)

    @property
    def _unnamed(self) -> list[str]:
        """The collections that are tested and trained on with utterances whose speaker has no name."""
        both = _collections((*self.train, *self.validation)) & _collections(self.test)
        unnamed = _collections(u for side in SIDES for u in getattr(self, side) if not has_name(u))
        return sorted(both & unnamed)

    @property
    def protocol(self) -> str:
        """How the figures of this split may be called."""
        known_speakers = {speaker_key(speaker) for speaker in self.base_speakers}
        known = sorted({u.speaker for u in self.test if speaker_key(u.speaker) in known_speakers})
        kind = "speaker-dependent" if self.speaker_dependent or known else "speaker-independent"
        unnamed = f"speakers of {', '.join(self._unnamed)} have no names" if self._unnamed else ""
        base = f"the base model was trained on {', '.join(known)}" if known else ""
        return ", ".join(filter(None, (self.name, kind, self.remark, unnamed, base)))

    @property
    def speakers(self) -> dict[str, list[str]]:
        """The speakers of each set, sorted."""
        return {side: sorted({u.speaker for u in getattr(self, side)}) for side in SIDES}

    @property
    def sizes(self) -> dict[str, int]:
        """The number of utterances of each set."""
        return {side: len(getattr(self, side)) for side in SIDES}


def split_utterances(
    name: str, utterances: Sequence[Utterance], seed: int, validate: bool = True, allow_missing: bool = False
) -> Split:
    """Return one split by name.

    ``speaker``: 70 / 15 / 15 % of the speakers, drawn with ``seed``. ``random``: 80 / 20 % of the utterances of
    each emotion, speakers shared; a tenth of the 80 is for validation. ``all``: everything trains. ``SET-N``: fold
    N of a set of :func:`folds`. Without ``validate`` the validation set goes to training.

    Raises:
        UsageError: no such name.
        CorpusError: too few speakers, or a fold's actors are missing and ``allow_missing`` is false.
    """
    if name == "all":
        return Split(name, tuple(utterances), (), ())
    if name == "speaker":
        split = split_by_shares(utterances, DEFAULT_SHARES, seed)
        return split if validate else replace(split, train=split.train + split.validation, validation=())
    if name == "random":
        return _random(name, utterances, _test_recordings(utterances, 5, seed)[0], seed, validate)
    member = re.fullmatch(r"(.+)-(\d+)", name)
    if not member or not _is_set(member[1]):
        raise UsageError(f"unknown split {name!r}; there are: {NAMES}")
    for split in folds(member[1], utterances, seed, validate, allow_missing, only=int(member[2])):
        return split
    raise UsageError(
        f"the set {member[1]!r} has no fold {member[2]} with utterances to test on in this data", subject=f"{name!r}"
    )


def split_by_shares(utterances: Sequence[Utterance], shares: tuple[int, int, int], seed: int) -> Split:
    """Split by speaker: ``shares`` per cent of the speakers train, validate and test.

    Where no speaker has a name, the recordings of each emotion are split instead, which is a random split.

    Raises:
        CorpusError: too few speakers or recordings.
    """
    if not any(map(has_name, utterances)):
        return _recordings_by_shares(utterances, shares, seed)
    speakers = np.random.default_rng(seed).permutation(sorted({u.speaker for u in utterances})).tolist()
    n_validation, n_test = (max(1, round(share * len(speakers) / 100)) if share else 0 for share in shares[1:])
    if n_validation + n_test >= len(speakers):
        raise CorpusError(
            f"{len(speakers)} speaker(s) found ({', '.join(sorted(speakers))}), too few for shares of "
            f"{'/'.join(map(str, shares))} per cent; add speakers, or use a random split"
        )
    # drawn order   |-- test --|-- validation --|------- train -------|
    side_of = dict.fromkeys(speakers, "train")
    side_of |= dict.fromkeys(speakers[:n_test], "test")
    side_of |= dict.fromkeys(speakers[n_test : n_test + n_validation], "validation")
    train, validation, test = (tuple(u for u in utterances if side_of[u.speaker] == side) for side in SIDES)
    return Split("speaker", train, validation, test)


def _recordings_by_shares(utterances: Sequence[Utterance], shares: tuple[int, int, int], seed: int) -> Split:
    """Split the recordings of each label: of ``n`` in drawn order the first test, the next validate, the rest train."""
    rng = np.random.default_rng(seed)
    label_of = {u.recording: u.label for u in utterances}
    side_of = dict.fromkeys(label_of, "train")
    for label in sorted(set(label_of.values())):
        drawn = rng.permutation(sorted(r for r, own in label_of.items() if own == label)).tolist()
        n_validation, n_test = (max(1, round(share * len(drawn) / 100)) if share else 0 for share in shares[1:])
        if n_validation + n_test < len(drawn):  # a label with fewer recordings trains
            side_of |= dict.fromkeys(drawn[:n_test], "test")
            side_of |= dict.fromkeys(drawn[n_test : n_test + n_validation], "validation")
    train, validation, test = (tuple(u for u in utterances if side_of[u.recording] == side) for side in SIDES)
    if (shares[1] and not validation) or (shares[2] and not test):
        raise CorpusError(
            f"{len(label_of)} recording(s) are too few for shares of {'/'.join(map(str, shares))} per cent"
        )
    return Split("random", train, validation, test)


def cross_corpus(train: Sequence[Utterance], test: Sequence[Utterance], seed: int, validate: bool = True) -> Split:
    """Train on one collection and test on another; validation speakers are drawn from the first.

    Raises:
        CorpusError: a speaker or a recording is in both.
    """
    drawn = _validation_speakers(train, seed + 1) if validate else []
    return Split(
        "cross-corpus",
        train=tuple(u for u in train if u.speaker not in drawn),
        validation=tuple(u for u in train if u.speaker in drawn),
        test=tuple(test),
        remark=f"trained on {_corpora(train)}, tested on {_corpora(test)}",
    )


def _corpus(speaker: str) -> str:
    return speaker.split("/", maxsplit=1)[0]


@cache
def _union_groups() -> tuple[tuple[str, ...], ...]:
    """Read the test speakers of each fold of ``union``."""
    content = json.loads(files("audio_emotion.corpora").joinpath("union_folds.json").read_text("utf-8"))
    return tuple(tuple(group) for group in content["folds"])


def _corpora(utterances: Iterable[Utterance]) -> str:
    return "+".join(sorted(_collections(utterances)))


def _collections(utterances: Iterable[Utterance]) -> set[str]:
    return {_corpus(utterance.speaker) for utterance in utterances}


def folds(
    name: str,
    utterances: Sequence[Utterance],
    seed: int,
    validate: bool = True,
    allow_missing: bool = False,
    only: int | None = None,
) -> list[Split]:
    """Return a set of folds by name, or fold number ``only`` of it.

    ``emobox``, ``luna-jimenez``: the published test actors. ``leave-one-speaker-out``: a fold for each speaker,
    sorted. ``leave-one-corpus-out``: a fold for each corpus, sorted. ``union``: five folds over the speakers of
    RAVDESS (EmoBox's folds 1 to 5), CREMA-D, EmoDB and SAVEE, as listed in ``union_folds.json``; all others train.
    ``K-fold``: the speakers in K groups of nearly one size, drawn with ``seed``. ``random-K-fold``: the utterances of
    each emotion in K parts, speakers shared.

    Raises:
        UsageError: no such set.
        CorpusError: fewer speakers (or recordings) than folds; or actors of a named fold are missing from the
            data and ``allow_missing`` is false. With it, a fold without any of its actors is left out.
    """
    if not _is_set(name):
        raise UsageError(f"unknown set of folds {name!r}; there are: {SETS}")
    if name.startswith("random-"):
        parts = _test_recordings(utterances, _count(name), seed)
        members = [
            _random(f"{name}-{number}", utterances, part, seed, validate)
            for number, part in enumerate(parts, start=1)
            if only in (None, number)
        ]
        return members
    groups = _speaker_groups(name, utterances, seed)
    validation = _by_corpus if name in ACROSS_CORPORA else _validation_speakers
    speakers = {u.speaker for u in utterances}
    wanted = {number: group for number, group in enumerate(groups, start=1) if only in (None, number)}
    missing = {number: sorted(set(group) - speakers) for number, group in wanted.items()}
    if any(missing.values()) and not allow_missing:
        absent = "; ".join(f"fold {number}: {', '.join(gone)}" for number, gone in missing.items() if gone)
        raise CorpusError(
            f"actors are missing from the data ({absent})", subject=name, hint="--allow-missing runs without them"
        )
    return [
        _by_speaker(f"{name}-{number}", utterances, group, validation if validate else None, seed + 1)
        for number, group in wanted.items()
        if speakers & set(group)
    ]


def _is_set(name: str) -> bool:
    fixed = (*NAMED_FOLDS, *ACROSS_CORPORA, "leave-one-speaker-out")
    return name in fixed or bool(re.fullmatch(r"(random-)?\d+-fold", name))


def _count(name: str) -> int:
    count = int(name.removeprefix("random-").removesuffix("-fold"))
    if count < 2:
        raise UsageError("expected at least 2 folds", subject=name)
    return count


def _speaker_groups(name: str, utterances: Sequence[Utterance], seed: int) -> list[Sequence[str]]:
    """Return the test speakers of each fold."""
    if name in NAMED_FOLDS:
        return [[f"ravdess/{actor}" for actor in actors] for actors in NAMED_FOLDS[name]]
    speakers = sorted({u.speaker for u in utterances})
    if name in ACROSS_CORPORA:
        corpora = sorted({_corpus(speaker) for speaker in speakers})
        if name == "union":
            return [[s for s in group if _corpus(s) in corpora] for group in _union_groups()]
        if len(corpora) < 2:
            raise CorpusError(
                f"needs at least 2 corpora, and the data has {corpora[0]} alone", subject=name, hint="add --data"
            )
        return [[s for s in speakers if _corpus(s) == corpus] for corpus in corpora]
    if name == "leave-one-speaker-out":
        return [[speaker] for speaker in speakers]
    count = _count(name)
    if count > len(speakers):
        raise CorpusError(f"{count} folds need as many speakers, and the data has {len(speakers)}", subject=name)
    drawn = np.random.default_rng(seed).permutation(speakers)
    return [part.tolist() for part in np.array_split(drawn, count)]


def _validation_speakers(utterances: Iterable[Utterance], seed: int) -> list[str]:
    speakers = sorted({u.speaker for u in utterances})
    if len(speakers) < 2:
        raise CorpusError(
            f"there are {len(speakers)} speaker(s) ({', '.join(speakers)}) besides those tested, and training with a "
            "validation set needs at least 2; add speakers, or train a fixed number of epochs (--patience 0)"
        )
    drawn = np.random.default_rng(seed).permutation(speakers)[: max(1, round(_VALIDATION_SHARE * len(speakers)))]
    return [str(speaker) for speaker in drawn]


def _by_corpus(utterances: Iterable[Utterance], seed: int) -> list[str]:
    """Draw validation speakers of every corpus that has three or more of them."""
    members: dict[str, list[Utterance]] = {}
    for utterance in utterances:
        members.setdefault(_corpus(utterance.speaker), []).append(utterance)
    large = [own for _, own in sorted(members.items()) if len({u.speaker for u in own}) > 2]
    return [speaker for own in large or members.values() for speaker in _validation_speakers(own, seed)]


def _by_speaker(
    name: str,
    utterances: Sequence[Utterance],
    test_speakers: Sequence[str],
    draw: Callable[[Iterable[Utterance], int], list[str]] | None,
    seed: int,
) -> Split:
    """Test on some speakers; ``draw`` takes validation speakers from the others with ``seed``."""
    tested = set(test_speakers)
    rest = [u for u in utterances if u.speaker not in tested]
    drawn = set(draw(rest, seed)) if draw else set[str]()
    missing = sorted(tested - {u.speaker for u in utterances})
    remarks = [f"without {', '.join(missing)}"] if missing else []
    if name.startswith("leave-one-corpus-out"):
        remarks.append(f"tested on {', '.join(sorted({_corpus(speaker) for speaker in tested}))}")
    return Split(
        name,
        train=tuple(u for u in rest if u.speaker not in drawn),
        validation=tuple(u for u in rest if u.speaker in drawn),
        test=tuple(u for u in utterances if u.speaker in tested),
        remark=", ".join(remarks),
    )


def _test_recordings(utterances: Sequence[Utterance], count: int, seed: int) -> list[set[str]]:
    """Cut the recordings of each emotion into ``count`` parts of nearly one size: a set for each fold."""
    rng = np.random.default_rng(seed)
    label_of = {u.recording: u.label for u in utterances}
    if count > len(label_of):
        raise CorpusError(f"{count} folds need as many recordings, and the data has {len(label_of)}")
    parts: list[set[str]] = [set() for _ in range(count)]
    for label in sorted(set(label_of.values())):
        recordings = rng.permutation(sorted(r for r, own in label_of.items() if own == label))
        for part, members in zip(parts, np.array_split(recordings, count), strict=True):
            part.update(members.tolist())
    return parts


def _random(name: str, utterances: Sequence[Utterance], test: set[str], seed: int, validate: bool) -> Split:
    rest = [u for u in utterances if u.recording not in test]
    validation = _test_recordings(rest, 10, seed + 1)[0] if validate else set()
    return Split(
        name,
        train=tuple(u for u in rest if u.recording not in validation),
        validation=tuple(u for u in rest if u.recording in validation),
        test=tuple(u for u in utterances if u.recording in test),
    )
