"""Recognize emotion in speech.

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
    from audio_emotion.batch.run import BatchResult, run_batch
    from audio_emotion.core.errors import AudioEmotionError
    from audio_emotion.core.types import Prediction, Timeline, Waveform, to_dataframe
    from audio_emotion.evaluation.evaluate import Evaluation, evaluate
    from audio_emotion.explanation import Explanation, explain
    from audio_emotion.inference.config import TimelineConfig
    from audio_emotion.inference.loading import load_model
    from audio_emotion.inference.model import Model
    from audio_emotion.inference.pipeline import pipeline
    from audio_emotion.inference.speakers import diarize
    from audio_emotion.inference.timeline import Stream, timeline
    from audio_emotion.training import TrainConfig
    from audio_emotion.training.train import train

__all__ = [
    "AudioEmotionError",
    "AudioRegion",
    "BatchResult",
    "Evaluation",
    "Explanation",
    "Model",
    "Prediction",
    "Stream",
    "Timeline",
    "TimelineConfig",
    "TrainConfig",
    "Waveform",
    "diarize",
    "evaluate",
    "explain",
    "load_model",
    "pipeline",
    "run_batch",
    "timeline",
    "to_dataframe",
    "train",
]

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "AudioEmotionError": "core.errors",
        "AudioRegion": "audio.region",
        "BatchResult": "batch.run",
        "Evaluation": "evaluation.evaluate",
        "Explanation": "explanation",
        "Model": "inference.model",
        "Prediction": "core.types",
        "Stream": "inference.timeline",
        "Timeline": "core.types",
        "TimelineConfig": "inference.config",
        "TrainConfig": "training.config",
        "Waveform": "core.types",
        "diarize": "inference.speakers",
        "evaluate": "evaluation.evaluate",
        "explain": "explanation",
        "load_model": "inference.loading",
        "pipeline": "inference.pipeline",
        "run_batch": "batch.run",
        "timeline": "inference.timeline",
        "to_dataframe": "core.types",
        "train": "training.train",
    },
)
