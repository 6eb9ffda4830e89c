"""Turn models trained on all speakers, and the folds of their recipe, into a model of the package.

    data="--data ravdess=D/ravdess-speech --data ravdess-song=D/ravdess-song --data crema-d=D/crema-d ..."
    recipe="audio-emotion train --config training/configs/whisper-tiny.toml --allow-missing"
    for seed in 0 1 2; do $recipe $data --split all --seed $seed --name default-all-$seed; done
    $recipe $data --folds union --seeds 3 --name default-union
    python training/left_out.py default tess=D/tess=default-all-0,default-all-1,default-all-2 emodb=... $data
    python training/bundle.py default default-union default-all-0 default-all-1 default-all-2 --noises D/noise $data

Left-out corpora come first: their logits are needed for the temperature.

The models, which differ by their seed, become one whose logits are the mean of theirs. Each fold is treated alike: its
models, as many as there are seeds, are averaged before they are tested. Added to the model are: the output ``speech``,
trained on the model's pooled vectors of speech, of made sounds and of recorded noises (``not_speech.py``); the mean of
the training data's pooled vectors, for adaptation; the temperature (``calibration.py``); graphs in floats and in
integers. The figures are those of the folds, in which every utterance is predicted by a model that did not see its
speaker: without adaptation, and adapted to the unlabelled recordings of the speaker (transductive). The record has the
figures of each seed alone too. Writes ``audio_emotion/weights/NAME`` and ``training/records/bundled-NAME.json``.
"""

import argparse
import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import calibration
import numpy as np
import torch
from compare import keep
from not_speech import coloured, made, recorded
from torch import Tensor, nn
from torch.nn import functional as F

from audio_emotion.audio import cache
from audio_emotion.audio.find import expand
from audio_emotion.audio.windows import speech_windows, trim
from audio_emotion.core import paths
from audio_emotion.core.types import FloatArray, IntArray
from audio_emotion.corpora.base import Utterance, silent
from audio_emotion.corpora.coverage import CALM, coverage
from audio_emotion.corpora.load import digest
from audio_emotion.evaluation import metrics
from audio_emotion.export.int8 import write_int8
from audio_emotion.export.weights import write_weights
from audio_emotion.inference.backends.torch import load
from audio_emotion.models import adaptation_file, build, card, checkpoint, entry
from audio_emotion.models.emotion_model import EmotionModel
from audio_emotion.models.layers import PooledNetwork
from audio_emotion.models.networks.whisper_tiny import average
from audio_emotion.training.base_model import joined
from audio_emotion.training.config import SamplingConfig
from audio_emotion.training.data import raw_features
from audio_emotion.training.dataset import Dataset, load_dataset
from audio_emotion.training.feature_store import FeatureStore
from audio_emotion.training.sampling import epoch_order

RECORDS = Path(__file__).parent / "records"
SHRINKAGE, SPEECH_HIDDEN = 10.0, 32
SPEECH_THRESHOLDS = {"default": 0.05, "open": 0.1}
"""From which probability on a window counts as speech: low, since a lost turn is worse than a noise with an emotion."""
N_SPEECH, N_CALIBRATED = 4_000, 160
BATCH = 32
NOISES_LICENCE = "CC-BY-NC-3.0"
"""Of ESC-50, whose noises the output ``speech`` of ``default`` learns from."""


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
    batches = (windows[first : first + BATCH] for first in range(0, len(windows), BATCH))
    return torch.cat([model.network.pooled(torch.from_numpy(encoded(model, batch))) for batch in batches]).numpy()


def encoded(model: EmotionModel, windows: FloatArray) -> FloatArray:
    """Return the features of windows, in bfloat16; those of a frozen encoder are computed once for all runs."""

    def compute(_version: int, numbers: IntArray) -> FloatArray:
        return raw_features(model, windows[numbers], torch.bfloat16)

    if not getattr(model.frontend, "stored", False):
        return compute(0, np.arange(len(windows)))
    store = FeatureStore(["bundle.py", model.frontend_config], [digest(window) for window in windows], 1)
    store.complete(compute, silent)
    return np.stack([store.read(0, number) for number in range(len(windows))])


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


@contextmanager
def averaged(folders: Sequence[Path]) -> Iterator[Path]:
    """Yield a folder of the average of models that differ by their seed, for as long as it is needed."""
    if len(folders) == 1:
        yield folders[0]
        return
    config, model = read_average(folders)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        write_weights(model, folder, config.window_samples)
        checkpoint.write(folder, config, card.render(config))
        yield folder


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
    if not by_fold:
        raise SystemExit(f"{paths.runs_dir() / name}: has no folds; run audio-emotion train --folds union --name ...")
    return by_fold


def of_member(fold: Tested, folder: Path, i: int, n: int) -> Tested:
    """Return the test set for one of the n models that were averaged: its channels of the pooled vectors."""
    own = [x.reshape(*x.shape[:-1], 2, n, -1)[..., i, :].reshape(*x.shape[:-1], -1) for x in (fold.pooled, fold.mean)]
    head = read_model(folder)[1].network.get_submodule("head")
    return replace(fold, pooled=own[0], mean=own[1], head=head)


def seed_figures(labels: Sequence[str], runs: Mapping[str, Sequence[Path]], folds: Sequence[Tested]) -> dict[str, Any]:
    """Return the UAR of each seed alone by corpus, the mean of the folds, with mean and SD over the seeds."""
    by_key: dict[str, Any] = {}
    for i, folders in enumerate(zip(*runs.values(), strict=True)):  # the folds of one seed
        n = len(next(iter(runs.values())))
        members = [of_member(fold, folder, i, n) for fold, folder in zip(folds, folders, strict=True)]
        for key, shrinkage in (("without adaptation", None), ("adapted by speaker", SHRINKAGE)):
            for corpus, figures in fold_figures(labels, members, shrinkage).items():
                by_seed = by_key.setdefault(key, {}).setdefault(corpus, {"by seed": []})["by seed"]
                by_seed.append(figures["mean of folds"])
    for by_corpus in by_key.values():
        for figures in by_corpus.values():
            figures["mean"] = round(float(np.mean(figures["by seed"])), 4)
            figures["SD"] = round(float(np.std(figures["by seed"], ddof=1)), 4)
    return by_key


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


def windows_with_speech(config: checkpoint.ModelConfig, dataset: Dataset) -> FloatArray:
    """Return a window of each of some training utterances, half of them with noise."""
    windows = [rows[:1] for rows in clean_windows(dataset, training_sample(config, dataset, N_SPEECH))]
    return speech_in_noise(np.concatenate(windows))


def windows_without_speech(dataset: Dataset, noises: Path | None, skip: str | None = None) -> FloatArray:
    """Return made sounds, and those recorded in a folder whose names begin with ``noise-``, but not with ``skip``."""
    rng = np.random.default_rng(11)
    clips = [dataset.sounds[u.digest] for u in dataset.corpus.utterances[::7]]
    windows = [made(clips, rng)]
    if noises is not None:
        kept = [path for path in noise_files(noises) if skip is None or not path.stem.startswith(skip)]
        sounds = [cache.load(path, 16_000) for path in kept]
        windows.append(recorded([x[slice(*trim(x))] for x in sounds], rng))
    return np.concatenate(windows)


def noise_files(folder: Path) -> list[Path]:
    """Return the recordings in a folder whose names begin with ``noise-``."""
    return [path for path in expand([folder], recursive=True) if path.stem.startswith("noise-")]


def speech_in_noise(windows: FloatArray) -> FloatArray:
    """Add white, pink or brown noise at 5 to 40 dB to half of the windows."""
    rng, noisy = np.random.default_rng(12), windows.copy()
    for row in noisy[::2]:
        noise = coloured(len(row), rng)
        row += noise * np.sqrt((row @ row) / (noise @ noise) / 10 ** (rng.uniform(5, 40) / 10))  # noqa: PLW2901 (in place)
    return noisy


def round_matrices(model: EmotionModel) -> None:
    """Round matrices to what 16-bit floats can hold: logits change by less than 0.001, and the files get smaller."""
    with torch.no_grad():
        for parameter in model.network.parameters():
            if parameter.ndim > 1:
                parameter.copy_(parameter.half())


def complete(
    name: str, folders: Sequence[Path], dataset: Dataset, noises: Path | None
) -> tuple[checkpoint.ModelConfig, EmotionModel, FloatArray]:
    """Return the model with its output ``speech``, its description, and the mean of its training data."""
    config, trained = read_average(folders)
    round_matrices(trained)
    sizes = {**config.parameters, "speech_hidden": SPEECH_HIDDEN}
    model = build(config.architecture, len(config.labels), sizes, config.frontend)
    model.load_state_dict(trained.state_dict(), strict=False)
    model.eval()
    speech = pooled_vectors(model, windows_with_speech(config, dataset))
    train_speech_head(model, speech, pooled_vectors(model, windows_without_speech(dataset, noises)))
    licence = joined(
        config.training["licence"], entry(config.architecture).pretrained_licence, NOISES_LICENCE if noises else ""
    )
    config = replace(
        config,
        name=config.architecture if name == checkpoint.DEFAULT else name,
        parameters=model.sizes,
        training={**config.training, "licence": licence},
    )
    return config, model, training_mean(config, model, dataset)


def write(config: checkpoint.ModelConfig, model: EmotionModel, mean: FloatArray, dataset: Dataset, name: str) -> None:
    """Write the model folder of the package."""
    some = training_sample(config, dataset, N_CALIBRATED)
    with paths.writing(paths.bundled_model_dir(name)) as target:
        write_weights(model, target, config.window_samples)
        write_int8(
            target / checkpoint.GRAPH, target / checkpoint.INT8_GRAPH, np.concatenate(clean_windows(dataset, some))
        )
        adaptation_file.write(target, mean)
        checkpoint.write(target, config, card.render(config))


def shown(record: Mapping[str, Any], n_answers: int) -> dict[str, Any]:
    """Return the figures that stand in the model folder."""
    plain = record["without adaptation"]
    figures: dict[str, Any] = {
        "protocol": "speaker-independent folds over all corpora of this recipe; UAR among a corpus's labels",
        "answers": n_answers,
        "UAR": plain["ravdess" if "ravdess" in plain else "crema-d"]["mean of folds"],
    }
    for key in ("without adaptation", "adapted by speaker"):
        figures |= {f"UAR on {corpus}, {key}": x["mean of folds"] for corpus, x in record[key].items()}
    return figures


def measured(labels: Sequence[str], runs: Mapping[str, Sequence[Path]], folds: Sequence[Tested]) -> dict[str, Any]:
    """Return what the record of the bundled model says of its folds, of the averages and of each seed alone."""
    n_seeds = len(next(iter(runs.values())))
    record: dict[str, Any] = {
        "protocol": f"{len(folds)} folds by speaker, {n_seeds} seed(s) averaged; adapted: to all recordings of each "
        f"test speaker, without labels, shrinkage {SHRINKAGE:g} windows",
        "without adaptation": fold_figures(labels, folds, None),
        "adapted by speaker": fold_figures(labels, folds, SHRINKAGE),
    }
    return record | ({"seeds": seed_figures(labels, runs, folds)} if n_seeds > 1 else {})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", help="of the model in the package")
    parser.add_argument("folds", help="name of the run of folds")
    parser.add_argument("models", nargs="+", help="names of the stored models that all speakers trained, one a seed")
    parser.add_argument("--data", action="append", required=True, help="the corpora of the training")
    parser.add_argument("--noises", type=Path, help="folder of recordings whose names begin with noise-; without: none")
    parser.add_argument("--folds-only", action="store_true", help="fit the temperature without left-out corpora")
    given = parser.parse_args()
    torch.set_num_threads(1)
    dataset = load_dataset(given.data)
    runs = folders_by_fold(given.folds)
    folds = [side_of(folders, dataset) for folders in runs.values()]
    config, model, mean = complete(given.name, [checkpoint.find(m) for m in given.models], dataset, given.noises)
    record = measured(config.labels, runs, folds)
    tested = [utterance for fold in folds for utterance in fold.utterances]
    config = replace(
        config,
        figures=shown(record, len(tested)),
        int8=True,
        adaptation={"shrinkage": SHRINKAGE},
        speech_threshold=SPEECH_THRESHOLDS[given.name],
    )
    write(config, model, mean, dataset, given.name)
    stored = checkpoint.read(paths.bundled_model_dir(given.name))
    keep(RECORDS / f"bundled-{given.name}.json", record | {"training": stored.training, "sha256": stored.sha256})
    logits = np.concatenate([fold.logits() for fold in folds])
    calibration.write(calibration.LOGITS / given.name / "folds.csv", tested, config.labels, logits)
    calibrated = calibration.calibrate(given.name, given.folds_only)
    print(json.dumps(dict(config.figures) | calibrated, indent=1))


if __name__ == "__main__":
    main()
