"""The augmentation table: its transforms, and its checks.

The transforms stand here in the order in which a sound goes through them, whatever the order of a table:
tempo and pitch, room, other sounds, the way to the listener, level, place.
"""

from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from audio_emotion.augment.background import Background, recordings
from audio_emotion.augment.codec import Codec
from audio_emotion.augment.crop_pad import CropPad
from audio_emotion.augment.gain import Gain
from audio_emotion.augment.low_pass import LowPass
from audio_emotion.augment.noise import Noise
from audio_emotion.augment.parameters import Mixup, Repetition, SpecAugment, Use, Vtlp
from audio_emotion.augment.pitch_shift import PitchShift
from audio_emotion.augment.polarity import Polarity
from audio_emotion.augment.reverberation import Reverberation
from audio_emotion.augment.speed import Speed
from audio_emotion.augment.telephone import Telephone
from audio_emotion.augment.time_shift import TimeShift
from audio_emotion.augment.time_stretch import TimeStretch
from audio_emotion.core import schema
from audio_emotion.core.errors import UsageError

WAVEFORM: dict[str, type] = {
    "pitch_shift": PitchShift,
    "time_stretch": TimeStretch,
    "speed": Speed,
    "reverberation": Reverberation,
    "background": Background,
    "noise": Noise,
    "low_pass": LowPass,
    "telephone": Telephone,
    "codec": Codec,
    "gain": Gain,
    "polarity": Polarity,
    "crop_pad": CropPad,
    "time_shift": TimeShift,
}
"""Transforms of samples, in the order of their application."""

FEATURES: dict[str, type] = {"vtlp": Vtlp, "spec_augment": SpecAugment, "mixup": Mixup}
"""Transforms of a batch of features, in the order of their application."""

KEPT = ("pitch_shift", "time_stretch")
"""What ``versions`` is about: transforms whose results may be kept."""

DEFAULT: Mapping[str, Any] = {
    "versions": 2,
    "repeat_after": 16,
    "pitch_shift": {"share": 0.25, "max_semitones": 2.0, "method": "phase-vocoder"},
    "speed": {"share": 1.0, "slowest": 0.9, "fastest": 1.1},
    "noise": {"share": 0.5, "min_snr_db": 15.0, "max_snr_db": 45.0},
    "time_shift": {"share": 1.0, "max_s": 0.2},
    "spec_augment": {"max_bins": 8, "max_frames": 20},
    "mixup": {"alpha": 0.3},
}
"""The default recipe's."""

_REPETITION = tuple(f.name for f in fields(Repetition))


def problems(table: Mapping[str, object]) -> list[str]:
    """Return everything that is wrong with a table, a line each; an empty list where nothing is.

    A table holds, by a transform's name, the parameters that differ from its defaults, and ``share``, how often
    it is used (0 to 1, default 0.5; SpecAugment and mixup have none). ``versions`` next to them is how many
    results of pitch shift and time stretch are drawn for each utterance and kept on disk; 0: each epoch has new ones.
    ``repeat_after`` is the number of epochs after which an utterance sounds as before, for models that hear mel bands:
    spectrograms are then kept on disk, and later epochs compute none; 0, or where that takes more than 2 GiB: no
    epoch repeats another.

    >>> problems({"reverb": {}, "noise": {"share": 2, "min_snr": 5}})  # doctest: +NORMALIZE_WHITESPACE
    ['augment.reverb is unknown; did you mean reverberation?',
     'augment.noise.share is 2, expected a number from 0 to 1',
     'augment.noise.min_snr is unknown; did you mean min_snr_db?']
    """
    known = {**WAVEFORM, **FEATURES}
    found = []
    for name, given in table.items():
        if name in _REPETITION:
            found += schema.problems(Repetition, {name: given}, "augment.")
        elif name not in known:
            found.append(schema.unknown(f"augment.{name}", (*known, *_REPETITION), name))
        elif not isinstance(given, Mapping):
            found.append(schema.mismatch(f"augment.{name}", given, "a table of its parameters"))
        else:
            kinds = (known[name],) if name in ("spec_augment", "mixup") else (Use, known[name])
            found += schema.problems(kinds, given, f"augment.{name}.") or _no_sounds(name, given)
    return found


def _no_sounds(name: str, given: Mapping[str, Any]) -> list[str]:
    if name == "background":
        try:
            recordings(str(Path(given["folder"])))
        except UsageError as error:
            return [f"augment.background.folder: {error}"]
    return []


def check(table: Mapping[str, object]) -> None:
    """Raise a :class:`UsageError` with all errors of a table, if there are any."""
    if found := problems(table):
        raise UsageError("; ".join(found))


def made(table: Mapping[str, Any], kinds: Mapping[str, type]) -> dict[str, tuple[float, Any]]:
    """Return (share, transform) for each of ``kinds`` that a table names, in the order of ``kinds``."""
    used: dict[str, tuple[float, Any]] = {}
    for name, kind in kinds.items():
        if name in table:
            settings: dict[str, Any] = dict(table[name])
            share = settings.pop("share", Use.share)
            used[name] = share, kind(**{k: tuple(v) if isinstance(v, list) else v for k, v in settings.items()})
    return used
