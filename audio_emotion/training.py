"""Training: recordings and a split in, a model folder out."""

import hashlib
import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from pathlib import Path

import numpy as np

import audio_emotion
from audio_emotion import audio, cache, card, checkpoint, paths
from audio_emotion.checkpoint import ModelConfig
from audio_emotion.corpora import locate
from audio_emotion.corpora.base import Corpus, Utterance
from audio_emotion.corpora.splits import Split, split_utterances
from audio_emotion.emotions import emotions
from audio_emotion.errors import AudioError
from audio_emotion.evaluation import Evaluation, evaluate_utterances, fit_temperature
from audio_emotion.export import write_weights
from audio_emotion.fitting import Epoch, Side, TrainConfig, fit
from audio_emotion.models.emotion_model import EmotionModel
from audio_emotion.prediction import load_model, pooled_logits, speech_windows
from audio_emotion.records import FloatArray
from audio_emotion.runtime import choose_device
from audio_emotion.runtime.torch import TorchRuntime

SAMPLING_RATE = 16_000

Progress = Callable[[str, int, int, str], None]
"""Called with a stage's name, how much of it is done, its total, and a remark."""


@dataclass(frozen=True)
class Trained:
    """What training left.

    Attributes:
        folder: the stored model.
        history: what each epoch left.
        split: who trained, who chose the epoch, who was tested on.
        evaluation: the test side's; None where there was none.
        unreadable: one message for each file that had to be skipped.
    """

    folder: Path
    history: tuple[Epoch, ...]
    split: Split
    evaluation: Evaluation | None
    unreadable: tuple[str, ...]


def train(
    data: Path | None = None,
    *,
    name: str = "two-channel-cnn",
    split: str = "speaker",
    config: TrainConfig | None = None,
    device: str = "auto",
    progress: Progress = lambda stage, done, total, remark: None,
) -> Trained:
    """Train on RAVDESS speech and store the model under ``name`` in the user's data folder.

    ``data`` is searched for recordings, else ``AUDIO_EMOTION_DATA``, else what was downloaded. The test side is
    answered by the stored model, through the same code as ``infer``. A model of that name is replaced when all
    is done, and not before.

    Raises:
        CorpusError: no recordings, or too few for the split.
        UsageError: an option out of its range.
        DeviceError: no such device here.
        StorageError: the model cannot be written.
    """
    config = config or TrainConfig()
    device = choose_device(device)
    target = checkpoint.new_folder(name)
    with paths.writing(target) as folder:
        corpus = locate("ravdess", data)
        corpus, sounds, unreadable = _decode(corpus, progress)
        split_ = split_utterances(split, corpus.utterances, config.seed, validate=config.patience > 0)
        history: list[Epoch] = []

        def on_epoch(epoch: Epoch) -> None:
            history.append(epoch)
            heard = "" if epoch.validation_uar is None else f", validation UAR {100 * epoch.validation_uar:.1f} %"
            progress("training", epoch.number, config.epochs, f"loss {epoch.loss:.3f}{heard}")

        train_side, validation_side = (_side(side, sounds) for side in (split_.train, split_.validation))
        model = fit(train_side, validation_side, len(emotions()), config, SAMPLING_RATE, device, on_epoch)
        described = _describe(name, corpus, split_, config, model, _temperature(model, validation_side, config, device))
        write_weights(model, folder, described.window_samples)
        evaluation = _store(folder, described, split_, progress)
    return Trained(target, tuple(history), split_, evaluation, tuple(unreadable))


def _decode(corpus: Corpus, progress: Progress) -> tuple[Corpus, dict[Path, FloatArray], list[str]]:
    """Return the corpus with digests and without unreadable files, its trimmed sounds, and what was unreadable."""
    utterances, sounds, unreadable = [], {}, []
    for done, utterance in enumerate(corpus.utterances, start=1):
        try:
            samples = cache.load(utterance.path, SAMPLING_RATE)
        except AudioError as error:
            unreadable.append(str(error))
        else:
            start, end = audio.trim(samples)
            sounds[utterance.path] = samples[start:end]
            utterances.append(replace(utterance, digest=hashlib.sha256(samples.tobytes()).hexdigest()))
        progress("decoding", done, len(corpus.utterances), "")
    cache.trim()
    return replace(corpus, utterances=tuple(utterances)), sounds, unreadable


def _side(utterances: Sequence[Utterance], sounds: Mapping[Path, FloatArray]) -> Side:
    return Side([sounds[u.path] for u in utterances], [emotions().index(u.label) for u in utterances])


def _temperature(model: EmotionModel, validation: Side, config: TrainConfig, device: str) -> float:
    """Fit the temperature on the validation side; without one it stays 1."""
    window_samples = round(config.window_s * SAMPLING_RATE)
    windows = [speech_windows(samples, window_samples) for samples in validation.sounds]
    logits = pooled_logits(TorchRuntime(model, device), windows) if windows else []
    heard = [(x, target) for x, target in zip(logits, validation.targets, strict=True) if x is not None]
    return fit_temperature(np.stack([x for x, _ in heard]), [target for _, target in heard]) if heard else 1.0


def _describe(
    name: str, corpus: Corpus, split: Split, config: TrainConfig, model: EmotionModel, temperature: float
) -> ModelConfig:
    return ModelConfig(
        name=name,
        architecture=config.architecture,
        parameters=model.sizes,
        frontend=model.frontend_config,
        labels=emotions(),
        sampling_rate=SAMPLING_RATE,
        window_samples=round(config.window_s * SAMPLING_RATE),
        temperature=temperature,
        package_version=audio_emotion.__version__,
        training={
            "corpora": [corpus.name],
            "licence": corpus.licence,
            "split": split.name,
            "speakers": split.speakers,
            "utterances": split.sizes,
            "options": asdict(config),
            "versions": {"python": platform.python_version()} | {p: version(p) for p in ("torch", "numpy", "librosa")},
        },
    )


def _store(folder: Path, described: ModelConfig, split: Split, progress: Progress) -> Evaluation | None:
    """Write the description, let the stored model answer the test side on the CPU, and write its figures too."""
    checkpoint.write(folder, described, card.render(described))
    if not split.test:
        return None
    done = 0

    def advance() -> None:
        nonlocal done
        done += 1
        progress("testing", done, len(split.test), "")

    evaluation = evaluate_utterances(load_model(str(folder), "cpu"), split.test, advance)
    figures = {
        "protocol": split.protocol,
        "test utterances": len(split.test),
        "UAR": evaluation.uar,
        "accuracy": evaluation.accuracy,
    }
    described = replace(described, figures=figures)
    checkpoint.write(folder, described, card.render(described))
    return evaluation
