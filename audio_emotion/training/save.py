"""A fitted network → its model folder, tested as it is stored."""

import platform
from collections.abc import Sequence
from dataclasses import asdict, replace
from importlib.metadata import version
from pathlib import Path

import numpy as np

from audio_emotion.core import paths
from audio_emotion.core.version import __version__
from audio_emotion.corpora.base import Progress
from audio_emotion.corpora.splits import Split
from audio_emotion.evaluation.evaluate import Evaluation, evaluate_utterances, fit_temperature
from audio_emotion.export.weights import fits_a_graph, write_weights
from audio_emotion.inference.backends.torch import TorchRuntime
from audio_emotion.inference.model import load_model
from audio_emotion.models import card, checkpoint, entry
from audio_emotion.models.checkpoint import ModelConfig
from audio_emotion.models.emotion_model import EmotionModel
from audio_emotion.training import TrainConfig, base_model, fine_tuning, schema
from audio_emotion.training.checkpointing import Epoch
from audio_emotion.training.data import Subset
from audio_emotion.training.dataset import Dataset
from audio_emotion.training.validation import clean_windows, stream_logits


def store(
    target: Path,
    name: str,
    material: Dataset,
    split: Split,
    config: TrainConfig,
    model: EmotionModel,
    validation: Subset,
    history: Sequence[Epoch],
    progress: Progress,
) -> Evaluation | None:
    """Store a model as ``target``, which is replaced when all is done; return its figures on the test side, if any.

    ``validation`` is what the temperature is fitted on, ``history`` what the epochs left.
    """
    with paths.writing(target) as folder:
        write_weights(model, folder, config.window_samples)
        temperature = _temperature(model, validation, config, "cpu")
        described = _describe(name, material, split, config, model, temperature, history)
        checkpoint.write(folder, described, card.render(described))
        return _test(folder, described, split, progress) if split.test else None


def _temperature(model: EmotionModel, validation: Subset, config: TrainConfig, device: str) -> float:
    """Fit the temperature on the validation side; without one it stays 1."""
    logits = stream_logits(TorchRuntime(model, device).logits, clean_windows(validation.sounds, config))
    rows = [(x, i) for i, x in enumerate(logits) if x is not None]
    if not rows:
        return 1.0
    calm = {row: other for row, (_, i) in enumerate(rows) if (other := validation.also_right(i)) is not None}
    return fit_temperature(np.stack([x for x, _ in rows]), [validation.targets[i] for _, i in rows], calm)


def _describe(
    name: str,
    material: Dataset,
    split: Split,
    config: TrainConfig,
    model: EmotionModel,
    temperature: float,
    history: Sequence[Epoch],
) -> ModelConfig:
    begun = entry(config.architecture).pretrained_licence if model.sizes.get("pretrained") else ""
    training = {
        "corpora": list(material.corpus.names),
        "licence": base_model.joined(material.corpus.licence, begun),
        "labels": material.labels.description,
        "split": split.name,
        "speakers": split.speakers,
        "utterances": split.sizes,
        "options": schema.table_of(config.resolved()),
        "history": [asdict(epoch) for epoch in history],
        "versions": {"python": platform.python_version()}
        | {p: version(p) for p in ("torch", "accelerate", "numpy", "librosa")},
    }
    if config.origin:
        training |= base_model.merge_provenance(config.origin, training)
        training["from"] = fine_tuning.record(config, material.labels.labels)
    return ModelConfig(
        name=name,
        architecture=config.architecture,
        parameters=model.sizes,
        frontend=model.frontend_config,
        labels=material.labels.labels,
        sampling_rate=config.rate,
        window_samples=config.window_samples,
        temperature=temperature,
        package_version=__version__,
        graph=entry(config.architecture).graph if fits_a_graph(model) else "none",
        training=training,
    )


def _test(folder: Path, described: ModelConfig, split: Split, progress: Progress) -> Evaluation:
    """Let the stored model answer the test side on the CPU, and write its figures into its folder."""
    done = iter(range(1, len(split.test) + 1))
    evaluation = evaluate_utterances(
        load_model(str(folder), "cpu"), split.test, lambda: progress("testing", next(done), len(split.test), "")
    )
    figures = {
        "protocol": split.protocol,
        "test utterances": len(split.test),
        "UAR": evaluation.uar,
        "accuracy": evaluation.accuracy,
    }
    described = replace(described, figures=figures)
    checkpoint.write(folder, described, card.render(described))
    return evaluation
