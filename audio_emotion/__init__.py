"""audio-emotion hears emotion in speech.

>>> from audio_emotion import load_model
>>> model = load_model()
>>> prediction = model.predict("inference/samples/happy.wav")
>>> list(prediction.scores)
['neutral', 'calm', 'happy', 'sad', 'angry', 'fearful', 'disgust', 'surprised']
"""

from typing import TYPE_CHECKING

from audio_emotion.core.lazy import lazy_names
from audio_emotion.core.version import __version__ as __version__

if TYPE_CHECKING:
    from audio_emotion.audio.region import AudioRegion
    from audio_emotion.core.errors import AudioEmotionError
    from audio_emotion.core.types import Prediction, Waveform
    from audio_emotion.explanation import Explanation, explain
    from audio_emotion.inference.config import TimelineConfig
    from audio_emotion.inference.model import Model, load_model
    from audio_emotion.inference.timeline import Stream, timeline
    from audio_emotion.training import TrainConfig
    from audio_emotion.training.train import train

__all__ = [
    "AudioEmotionError",
    "AudioRegion",
    "Explanation",
    "Model",
    "Prediction",
    "Stream",
    "TimelineConfig",
    "TrainConfig",
    "Waveform",
    "explain",
    "load_model",
    "timeline",
    "train",
]

__getattr__ = lazy_names(
    __name__,
    {
        "AudioEmotionError": "core.errors",
        "Explanation": "explanation",
        "Model": "inference.model",
        "AudioRegion": "audio.region",
        "Prediction": "core.types",
        "Stream": "inference.timeline",
        "TimelineConfig": "inference.config",
        "TrainConfig": "training.config",
        "Waveform": "core.types",
        "explain": "explanation",
        "load_model": "inference.model",
        "timeline": "inference.timeline",
        "train": "training.train",
    },
)
