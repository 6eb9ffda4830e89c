"""A trained network → its model folder, tested as it is stored."""

import platform
from collections.abc import Sequence
from dataclasses import asdict, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from audio_emotion.core import paths, schema
from audio_emotion.core.version import __version__
from audio_emotion.evaluation.evaluate import Evaluation, evaluate_utterances, fit_temperature
from audio_emotion.export.weights import fits_a_graph, write_weights
from audio_emotion.inference.backends.torch import TorchRuntime
from audio_emotion.inference.loading import load_model
from audio_emotion.models import card, checkpoint, entry
from audio_emotion.models.checkpoint import ModelConfig
from audio_emotion.models.emotion_model import EmotionModel
from audio_emotion.training import TrainConfig, base_model, fine_tuning
from audio_emotion.training.checkpointing import Epoch
from audio_emotion.training.data import Subset
from audio_emotion.training.fine_tuning import Transfer
from audio_emotion.training.job import TrainJob
from audio_emotion.training.validation import clean_windows, stream_logits


def store(
    job: TrainJob, model: EmotionModel, validation: Subset, history: Sequence[Epoch], transfer: Transfer | None
) -> Evaluation | None:
    """Store a model as the job's ``target``, which is replaced when all is done; return the test set's evaluation.

    The temperature is fitted on ``validation``; ``history`` has the epochs, and ``transfer`` built the network if it
    was not new.
    """
    with paths.writing(job.target) as folder:
        write_weights(model, folder, job.config.window_samples)
        temperature = _temperature(model, validation, job.config, "cpu")
        described = replace(_describe(job, model, history, transfer), temperature=temperature)
        checkpoint.write(folder, described, card.render(described))
        return _test(folder, described, job) if job.split.test else None


def _temperature(model: EmotionModel, validation: Subset, config: TrainConfig, device: str) -> float:
    """Fit the temperature on the validation set; without one it stays 1."""
    logits = stream_logits(TorchRuntime(model, device).logits, clean_windows(validation.sounds, config))
    rows = [(x, i) for i, x in enumerate(logits) if x is not None]
    if not rows:
        return 1.0
    calm = {row: other for row, (_, i) in enumerate(rows) if (other := validation.also_right(i)) is not None}
    return fit_temperature(np.stack([x for x, _ in rows]), [validation.targets[i] for _, i in rows], calm)


def _describe(job: TrainJob, model: EmotionModel, history: Sequence[Epoch], transfer: Transfer | None) -> ModelConfig:
    """Describe a model, but for its temperature."""
    config, split, labels = job.config, job.split, job.dataset.labels
    has_others = model.sizes.get("pretrained") or getattr(model.frontend, "stored", False)  # a frozen encoder
    pretrained = entry(config.architecture).pretrained_licence if has_others else ""
    training = {
        "corpora": list(job.dataset.corpus.names),
        "licence": base_model.joined(job.dataset.corpus.licence, pretrained),
        "labels": labels.description,
        "split": split.name,
        "speakers": split.speakers,
        "utterances": split.sizes,
        "options": schema.table_of(config.resolved()),
        "history": [asdict(epoch) for epoch in history],
        "versions": {"python": platform.python_version()}
        | {p: version(p) for p in ("torch", "accelerate", "numpy", "librosa")},
    }
    if config.origin and transfer and transfer.report:
        training |= base_model.merge_provenance(config.origin, training)
        training["from"] = fine_tuning.record(transfer.report)
    return ModelConfig(
        name=job.name,
        architecture=config.architecture,
        parameters=model.sizes,
        frontend=model.frontend_config,
        labels=labels.labels,
        sampling_rate=config.rate,
        window_samples=config.window_samples,
        temperature=1.0,
        package_version=__version__,
        graph=entry(config.architecture).graph if fits_a_graph(model) else "none",
        training=training,
    )


def _test(folder: Path, described: ModelConfig, job: TrainJob) -> Evaluation:
    """Let the stored model predict the test set on the CPU, and add the figures to its folder."""
    done, split = iter(range(1, len(job.split.test) + 1)), job.split
    evaluation = evaluate_utterances(
        load_model(str(folder), "cpu"), split.test, lambda: job.progress("testing", next(done), len(split.test), "")
    )
    figures: dict[str, Any] = {
        "protocol": split.protocol,
        "test utterances": len(split.test),
        "test speakers": len(evaluation.speakers),
        "UAR": evaluation.uar,
        "accuracy": evaluation.accuracy,
    }
    if intervals := evaluation.intervals(np.random.default_rng(job.config.seed)):
        figures["UAR interval"] = list(intervals.uar)
    described = replace(described, figures=figures)
    checkpoint.add_figures(folder, figures, card.render(described))
    return evaluation
