"""Recordings: any file, bytes or array in, mono samples at the model's rate out.

``find`` looks for files, ``recordings`` opens and decodes them (with ``sndfile``, ``ffmpeg`` and ``resample``),
``windows`` trims, cuts and pads, ``vad`` decides what is speech, ``annotations`` reads transcripts, and ``cache`` keeps
decoded sound for training.

The public names are imported when they are first used: ``audio-emotion --help`` must not load numpy.
"""

from typing import TYPE_CHECKING

from audio_emotion.core.lazy import lazy_names

if TYPE_CHECKING:
    from audio_emotion.audio.recordings import Recording, blocks, channel_numbers, load, open_recording, probe
    from audio_emotion.audio.region import FULL, AudioRegion, AudioSource, Header
    from audio_emotion.audio.resample import MAX_RATE, MIN_RATE, Downmix, MonoResampler, from_frames, mono
    from audio_emotion.audio.source import name_of

__all__ = [
    "FULL",
    "MAX_RATE",
    "MIN_RATE",
    "AudioRegion",
    "AudioSource",
    "Downmix",
    "Header",
    "MonoResampler",
    "Recording",
    "blocks",
    "channel_numbers",
    "from_frames",
    "load",
    "mono",
    "name_of",
    "open_recording",
    "probe",
]

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "MAX_RATE": "resample",
        "MIN_RATE": "resample",
        "FULL": "region",
        "Downmix": "resample",
        "Header": "region",
        "Recording": "recordings",
        "AudioRegion": "region",
        "MonoResampler": "resample",
        "AudioSource": "region",
        "blocks": "recordings",
        "channel_numbers": "recordings",
        "from_frames": "resample",
        "load": "recordings",
        "mono": "resample",
        "name_of": "source",
        "open_recording": "recordings",
        "probe": "recordings",
    },
)
