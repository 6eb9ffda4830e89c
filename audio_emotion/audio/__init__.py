"""Recordings: any file, bytes or array in, mono samples at the model's rate out.

The public names are imported when they are first used: ``audio-emotion --help`` must not load numpy.
"""

from typing import TYPE_CHECKING

from audio_emotion.core.lazy import lazy_names

if TYPE_CHECKING:
    from audio_emotion.audio.decoding import probe
    from audio_emotion.audio.recordings import blocks, channel_numbers, load
    from audio_emotion.audio.region import FULL, AudioRegion, AudioSource, Header
    from audio_emotion.audio.resample import MAX_RATE, MIN_RATE, Resampler, from_frames, mono
    from audio_emotion.audio.source import name_of

__all__ = [
    "FULL",
    "MAX_RATE",
    "MIN_RATE",
    "AudioRegion",
    "AudioSource",
    "Header",
    "Resampler",
    "blocks",
    "channel_numbers",
    "from_frames",
    "load",
    "mono",
    "name_of",
    "probe",
]

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "MAX_RATE": "resample",
        "MIN_RATE": "resample",
        "FULL": "region",
        "Header": "region",
        "AudioRegion": "region",
        "Resampler": "resample",
        "AudioSource": "region",
        "blocks": "recordings",
        "channel_numbers": "recordings",
        "from_frames": "resample",
        "load": "recordings",
        "mono": "resample",
        "name_of": "source",
        "probe": "decoding",
    },
)
