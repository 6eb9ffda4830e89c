"""Turn models trained on all speakers, and the folds of their recipe, into a model of the package.

    data="--data ravdess=D/ravdess-speech --data ravdess-song=D/ravdess-song --data crema-d=D/crema-d ..."
    recipe="audio-emotion train --config training/configs/whisper-tiny.toml --allow-missing"
    for seed in 0 1 2; do $recipe $data --split all --seed $seed --name default-all-$seed; done
    $recipe $data --folds union --seeds 3 --name default-union
    python training/bundle.py default default-union default-all-* --noises D/not-speech $data

The models, which differ by their seed, become one whose logits are the mean of theirs. Each fold is treated alike: its
models, as many as there are seeds, are averaged before they are tested. Added to the model are: the output ``speech``,
trained on the model's pooled vectors of speech, of made sounds and of recorded noises (``not_speech.py``); the mean of
the training data's pooled vectors, for adaptation; the temperature, fitted on the folds; graphs in floats and in
integers. The figures are those of the folds, in which every utterance is predicted by a model that did not see its
speaker: without adaptation, and adapted to the unlabelled recordings of the speaker (transductive). The record has the
figures of each seed alone too. Writes ``audio_emotion/weights/NAME`` and ``training/records/bundled-NAME.json``.
"""

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from compare import keep
from not_speech import coloured, made, recorded
from scipy.special import log_softmax, softmax
from torch import Tensor, nn
from torch.nn import functional as F

from audio_emotion.audio import cache
from audio_emotion.audio.find import expand
from audio_emotion.audio.windows import speech_windows, trim
from audio_emotion.core import paths
from audio_emotion.core.types import FloatArray
from audio_emotion.corpora.base import Utterance
from audio_emotion.corpora.coverage import CALM, coverage
from audio_emotion.evaluation import metrics
from audio_emotion.evaluation.evaluate import fit_temperature
from audio_emotion.export.int8 import write_int8
from audio_emotion.export.weights import write_weights
from audio_emotion.inference.backends.torch import load
from audio_emotion.models import adaptation_file, build, card, checkpoint
from audio_emotion.models.emotion_model import EmotionModel
from audio_emotion.models.layers import PooledNetwork
from audio_emotion.models.networks.whisper_tiny import average
from audio_emotion.training.config import SamplingConfig
from audio_emotion.training.dataset import Dataset, load_dataset
from audio_emotion.training.sampling import epoch_order

RECORDS = Path(__file__).parent / "records"
SHRINKAGE, SPEECH_THRESHOLD, SPEECH_HIDDEN = 10.0, 0.1, 32
N_SPEECH, N_CALIBRATED = 4_000, 160
BATCH = 32


@dataclass(frozen=True)
class Tested:
    """The test set of a fold: its utterances, their pooled vectors by window, and the fold's head and mean."""

    fold: str
    utterances: list[Utterance]
    pooled: FloatArray
    owners: np.ndarray
    head: nn.Module
    mean: FloatArray

    def logits(self, shrinkage: float | None = None, by: str = "speaker") -> np.ndarray:
        """Return logits (n_utterances, n_labels); with a shrinkage adapted to each speaker, or each corpus."""
        pooled = self.pooled.copy()
        names = [u.corpus if by == "corpus" else f"{u.corpus} {u.speaker}" for u in self.utterances]
        groups = np.array(names)[self.owners]
        for group in set(groups) if shrinkage is not None else ():
            rows = groups == group
            share = rows.sum() / (rows.sum() + shrinkage)
            pooled[rows] += share * (self.mean - pooled[rows].mean(axis=0))
        with torch.inference_mode():
            each = self.head(torch.from_numpy(pooled)).numpy()
        sums = np.zeros((len(self.utterances), each.shape[1]))
        np.add.at(sums, self.owners, each)
        return np.asarray(sums / np.bincount(self.owners, minlength=len(sums))[:, None])


@torch.inference_mode()
def pooled_vectors(model: EmotionModel, windows: FloatArray) -> FloatArray:
    """Return the pooled vectors of windows (n, window_samples), (n, n_pooled)."""
    assert isinstance(model.network, PooledNetwork)
    rows = []
    for first in range(0, len(windows), BATCH):
        with torch.autocast("cpu", torch.bfloat16):
            features = model.features(torch.from_numpy(windows[first : first + BATCH]))
        rows.append(model.network.pooled(features.float()))
    return torch.cat(rows).numpy()


def read_model(folder: Path) -> tuple[checkpoint.ModelConfig, EmotionModel]:
    """Load a model folder's weights."""
    config = checkpoint.read(folder)
    sizes = config.parameters, config.frontend
    return config, load(folder / checkpoint.TENSORS, config.architecture, len(config.labels), *sizes).eval()


def read_average(folders: Sequence[Path]) -> tuple[checkpoint.ModelConfig, EmotionModel]:
    """Load models that differ by their seed, as one whose logits are the mean of theirs."""
    (config, model), *others = [read_model(folder) for folder in folders]
    if not others:
        return config, model
    network = average([m.network for _, m in ((config, model), *others)])  # type: ignore[misc]
    sizes = {**config.parameters, "n_members": network.config.n_members}
    merged = build(config.architecture, len(config.labels), sizes, config.frontend)
    merged.network.load_state_dict(network.state_dict())
    seeds = [c.training["options"]["seed"] for c, _ in ((config, model), *others)]
    return replace(config, parameters=merged.sizes, training={**config.training, "seeds": seeds}), merged.eval()


def clean_windows(dataset: Dataset, utterances: Sequence[Utterance]) -> list[FloatArray]:
    """Return the windows of each utterance as inference cuts them."""
    return [speech_windows(dataset.sounds[u.digest], 48_000, 16_000, gate=False) for u in utterances]


def training_sample(config: checkpoint.ModelConfig, dataset: Dataset, n: int) -> list[Utterance]:
    """Return some of the training utterances, drawn as training draws them."""
    speakers = set(config.training["speakers"]["train"])
    own = [u for u in dataset.corpus.utterances if u.speaker in speakers and u.label in config.labels]
    sampling = replace(SamplingConfig(**config.training["options"]["sampling"]), utterances=n)
    targets = [config.labels.index(u.label) for u in own]
    order = epoch_order(sampling, [u.corpus for u in own], targets, np.random.default_rng(0))
    return [own[i] for i in order]


def training_mean(config: checkpoint.ModelConfig, model: EmotionModel, dataset: Dataset, n: int = 1_500) -> FloatArray:
    """Return the mean of the pooled vectors of the training data."""
    windows = [rows[:1] for rows in clean_windows(dataset, training_sample(config, dataset, n))]
    mean: FloatArray = pooled_vectors(model, np.concatenate(windows)).mean(axis=0)
    return mean


def side_of(folders: Sequence[Path], dataset: Dataset, other: Dataset | None = None) -> Tested:
    """Compute what the figures of a fold's test set need, or those of another dataset, for the average of models."""
    config, model = read_average(folders)
    test = set(config.training["speakers"]["test"])
    utterances = [u for u in (other or dataset).corpus.utterances if u.label in config.labels]
    if other is None:
        utterances = [u for u in utterances if u.speaker in test]
    windows = clean_windows(other or dataset, utterances)
    owners = np.repeat(np.arange(len(windows)), [len(rows) for rows in windows])
    pooled = pooled_vectors(model, np.concatenate(windows))
    head = model.network.get_submodule("head")
    return Tested(folders[0].parent.name, utterances, pooled, owners, head, training_mean(config, model, dataset))


def figures_of(labels: Sequence[str], utterances: Sequence[Utterance], logits: np.ndarray) -> dict[str, Any]:
    """Return the figures of each corpus, and 95 % intervals over speakers of the UAR among its labels."""
    known = coverage(utterances, labels)
    figures: dict[str, Any] = {}
    for corpus, own in known.by_corpus.items():
        rows = [i for i, u in enumerate(utterances) if u.corpus == corpus]
        allowed = [labels.index(label) for label in (*own, *([CALM] if known.neutral_may_be_calm(corpus) else []))]
        targets = [utterances[i].label for i in rows]
        among = [known.as_in_corpus(labels[allowed[int(logits[i, allowed].argmax())]], corpus) for i in rows]
        answers = [known.as_in_corpus(labels[int(logits[i].argmax())], corpus) for i in rows]
        interval = metrics.speaker_intervals(
            targets, among, [utterances[i].speaker for i in rows], np.random.default_rng(0)
        )
        figures[corpus] = {
            "recordings": len(rows),
            "UAR among its labels": round(metrics.uar(targets, among), 4),
            "interval over speakers": None if interval is None else [round(x, 4) for x in interval.uar],
            "UAR as answered": round(metrics.uar(targets, answers), 4),
            "accuracy": round(metrics.accuracy(targets, answers), 4),
        }
    return figures


def fold_figures(labels: Sequence[str], folds: Sequence[Tested], shrinkage: float | None) -> dict[str, Any]:
    """Return the figures of all folds together, each fold's UAR, and their mean."""
    logits = [fold.logits(shrinkage) for fold in folds]
    everything = figures_of(labels, [u for fold in folds for u in fold.utterances], np.concatenate(logits))
    for fold, rows in zip(folds, logits, strict=True):
        for corpus, figures in figures_of(labels, fold.utterances, rows).items():
            everything[corpus].setdefault("by fold", []).append(figures["UAR among its labels"])
    for figures in everything.values():
        figures["mean of folds"] = round(float(np.mean(figures["by fold"])), 4)
    return everything


def folders_by_fold(name: str) -> dict[str, list[Path]]:
    """Return the model folders of a run of folds, by fold, one for each seed."""
    by_fold: dict[str, list[Path]] = {}
    for folder in sorted((paths.runs_dir() / name).glob("*-seed-*/model")):
        by_fold.setdefault(folder.parent.name.split("-seed-")[0], []).append(folder)
    return by_fold


def of_member(fold: Tested, folder: Path, i: int, n: int) -> Tested:
    """Return the test side for one of the n models that were averaged: its channels of the pooled vectors."""
    own = [x.reshape(*x.shape[:-1], 2, n, -1)[..., i, :].reshape(*x.shape[:-1], -1) for x in (fold.pooled, fold.mean)]
    head = read_model(folder)[1].network.get_submodule("head")
    return replace(fold, pooled=own[0], mean=own[1], head=head)


def seed_figures(labels: Sequence[str], runs: dict[str, list[Path]], folds: Sequence[Tested]) -> dict[str, Any]:
    """Return the UAR of each seed alone by corpus, the mean of the folds, with mean and SD over the seeds."""
    shown: dict[str, Any] = {}
    for i, folders in enumerate(zip(*runs.values(), strict=True)):  # the folds of one seed
        n = len(next(iter(runs.values())))
        members = [of_member(fold, folder, i, n) for fold, folder in zip(folds, folders, strict=True)]
        for key, shrinkage in (("without adaptation", None), ("adapted by speaker", SHRINKAGE)):
            for corpus, figures in fold_figures(labels, members, shrinkage).items():
                by_seed = shown.setdefault(key, {}).setdefault(corpus, {"by seed": []})["by seed"]
                by_seed.append(figures["mean of folds"])
    for by_corpus in shown.values():
        for figures in by_corpus.values():
            figures["mean"] = round(float(np.mean(figures["by seed"])), 4)
            figures["SD"] = round(float(np.std(figures["by seed"], ddof=1)), 4)
    return shown


def calibration(labels: Sequence[str], folds: Sequence[Tested], temperature: float) -> dict[str, float]:
    """Return the expected calibration error of each corpus, calm counted as neutral where it has no calm."""
    utterances = [u for fold in folds for u in fold.utterances]
    scores = softmax(np.concatenate([fold.logits() for fold in folds]) / temperature, axis=1)
    known, errors = coverage(utterances, labels), dict[str, float]()
    for corpus in known.by_corpus:
        rows = [i for i, u in enumerate(utterances) if u.corpus == corpus]
        answers = [known.as_in_corpus(labels[int(scores[i].argmax())], corpus) for i in rows]
        right = np.array([answer == utterances[i].label for i, answer in zip(rows, answers, strict=True)])
        errors[corpus] = round(metrics.calibration_error(metrics.reliability(scores[rows].max(axis=1), right)), 4)
    return errors


def temperature_of(labels: Sequence[str], folds: Sequence[Tested]) -> float:
    """Fit the temperature on the folds' answers; neutral of a corpus without calm is left out."""
    logits, targets = [], []
    for fold in folds:
        known = coverage(fold.utterances, labels)
        for utterance, row in zip(fold.utterances, fold.logits(), strict=True):
            if utterance.label != "neutral" or not known.neutral_may_be_calm(utterance.corpus):
                logits.append(log_softmax(row))
                targets.append(labels.index(utterance.label))
    return fit_temperature(np.array(logits), targets)


def train_speech_head(model: EmotionModel, speech: FloatArray, others: FloatArray, epochs: int = 30) -> None:
    """Train the output ``speech`` on pooled vectors of windows with and without speech; each side weighs the same."""
    assert isinstance(model.network, PooledNetwork)
    head = model.network.speech
    assert isinstance(head, nn.Sequential)
    torch.manual_seed(0)
    vectors = torch.from_numpy(np.concatenate([speech, others]))
    targets = torch.cat([torch.full((len(speech),), 0.99), torch.full((len(others),), 0.01)])
    weights = torch.where(targets > 0.5, len(vectors) / (2 * len(speech)), len(vectors) / (2 * len(others)))
    optimizer = torch.optim.AdamW(head.parameters(), 1e-3, weight_decay=0.05)
    normalise, rest = head[0], head[1:]
    normalise.running_mean.copy_(vectors.mean(dim=0))
    normalise.running_var.copy_(vectors.var(dim=0))
    head.eval()
    for _ in range(epochs):
        for rows in torch.randperm(len(vectors)).split(256):
            logits: Tensor = rest(F.dropout(normalise(vectors[rows]), 0.2))
            loss = F.binary_cross_entropy_with_logits(logits, targets[rows], reduction="none") * weights[rows]
            optimizer.zero_grad()
            loss.mean().backward()
            optimizer.step()


def windows_without_speech(dataset: Dataset, noises: Path | None) -> FloatArray:
    """Return made sounds, and those recorded in a folder whose names begin with ``noise-``."""
    rng = np.random.default_rng(11)
    clips = [dataset.sounds[u.digest] for u in dataset.corpus.utterances[::7]]
    windows = [made(clips, rng)]
    if noises is not None:
        sounds = [
            cache.load(path, 16_000) for path in expand([noises], recursive=True) if path.stem.startswith("noise-")
        ]
        windows.append(recorded([x[slice(*trim(x))] for x in sounds], rng))
    return np.concatenate(windows)


def speech_in_noise(windows: FloatArray) -> FloatArray:
    """Add white, pink or brown noise at 5 to 40 dB to half of the windows."""
    rng, noisy = np.random.default_rng(12), windows.copy()
    for row in noisy[::2]:
        noise = coloured(len(row), rng)
        row += noise * np.sqrt((row @ row) / (noise @ noise) / 10 ** (rng.uniform(5, 40) / 10))  # noqa: PLW2901 (in place)
    return noisy


def complete(
    name: str, folders: Sequence[Path], dataset: Dataset, noises: Path | None
) -> tuple[checkpoint.ModelConfig, EmotionModel, FloatArray]:
    """Return the model with its output ``speech``, its description, and the mean of its training data."""
    config, trained = read_average(folders)
    sizes = {**config.parameters, "speech_hidden": SPEECH_HIDDEN}
    model = build(config.architecture, len(config.labels), sizes, config.frontend)
    model.load_state_dict(trained.state_dict(), strict=False)
    model.eval()
    windows = np.concatenate([w[:1] for w in clean_windows(dataset, training_sample(config, dataset, N_SPEECH))])
    speech = pooled_vectors(model, speech_in_noise(windows))
    train_speech_head(model, speech, pooled_vectors(model, windows_without_speech(dataset, noises)))
    config = replace(config, name=config.architecture if name == checkpoint.DEFAULT else name, parameters=model.sizes)
    return config, model, training_mean(config, model, dataset)


def write(config: checkpoint.ModelConfig, model: EmotionModel, mean: FloatArray, dataset: Dataset, name: str) -> None:
    """Write the model folder of the package."""
    some = training_sample(config, dataset, N_CALIBRATED)
    with paths.writing(paths.bundled_model_dir().parent / name) as target:
        write_weights(model, target, config.window_samples)
        write_int8(
            target / checkpoint.GRAPH, target / checkpoint.INT8_GRAPH, np.concatenate(clean_windows(dataset, some))
        )
        adaptation_file.write(target, mean)
        checkpoint.write(target, config, card.render(config))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", help="of the model in the package")
    parser.add_argument("folds", help="name of the run of folds")
    parser.add_argument("models", nargs="+", help="names of the stored models that all speakers trained, one a seed")
    parser.add_argument("--data", action="append", required=True, help="the corpora of the training")
    parser.add_argument("--noises", type=Path, help="folder of recordings whose names begin with noise-; without: none")
    given = parser.parse_args()
    torch.set_num_threads(1)
    dataset = load_dataset(given.data)
    runs = folders_by_fold(given.folds)
    folds = [side_of(folders, dataset) for folders in runs.values()]
    config, model, mean = complete(given.name, [checkpoint.find(m) for m in given.models], dataset, given.noises)
    labels = config.labels
    temperature = temperature_of(labels, folds)
    record = {
        "protocol": f"{len(folds)} folds by speaker, {len(given.models)} seeds averaged; adapted: to all recordings of "
        f"each test speaker, without labels, shrinkage {SHRINKAGE:g} windows",
        "without adaptation": fold_figures(labels, folds, None),
        "adapted by speaker": fold_figures(labels, folds, SHRINKAGE),
        "temperature": temperature,
        "ECE": calibration(labels, folds, temperature),
    }
    if len(given.models) > 1:
        record["seeds"] = seed_figures(labels, runs, folds)
    shown = {
        "protocol": "speaker-independent folds over all corpora of this recipe; UAR among a corpus's labels",
        "answers": sum(len(fold.utterances) for fold in folds),
        "UAR": record["without adaptation"]["ravdess" if "calm" in labels else "crema-d"]["mean of folds"],
    }
    for key in ("without adaptation", "adapted by speaker"):
        shown |= {f"UAR on {corpus}, {key}": x["mean of folds"] for corpus, x in record[key].items()}
    shown |= {f"ECE on {corpus}": error for corpus, error in record["ECE"].items()}
    config = replace(
        config,
        temperature=temperature,
        figures=shown,
        int8=True,
        adaptation={"shrinkage": SHRINKAGE},
        speech_threshold=SPEECH_THRESHOLD,
    )
    write(config, model, mean, dataset, given.name)
    stored = checkpoint.read(paths.bundled_model_dir().parent / given.name)
    keep(RECORDS / f"bundled-{given.name}.json", record | {"training": stored.training, "sha256": stored.sha256})
    print(json.dumps(shown, indent=1))


if __name__ == "__main__":
    main()
