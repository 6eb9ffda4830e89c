"""Experiments with the recipe: a network trained on three EmoBox folds and judged by a fourth, the fifth left out.

    python training/lab/run.py NAME... [--seeds 0 1]     # of experiments.toml; what has a record is not run again

For each fold f of 1-5, the actors of the fold after it judge a network that the actors of the other three train;
f's own actors, who test the final model, are in neither. Each actor judges once. A network has half the default's
width where nothing else is said, which costs a minute a fold on one core; spectrograms of 16 augmented versions of
each clip are computed once and kept in ``build/lab``. The network after the last epoch is judged, on clips as they
are, and in noise, over a telephone and in a room. Writes records/NAME-SEED.json.
"""

import argparse
import hashlib
import json
import sys
import time
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np
import torch
from networks import Network, Tried, skip_draws
from pitch import Periodicity
from torch import Tensor
from torch.nn import functional as F

from audio_emotion.audio.utterance import speech_windows
from audio_emotion.augment import DEFAULT
from audio_emotion.augment.features import mixup, spec_augment
from audio_emotion.augment.pipeline import Sounds
from audio_emotion.augment.vtlp import warp
from audio_emotion.corpora.base import Utterance
from audio_emotion.corpora.splits import NAMED_FOLDS
from audio_emotion.evaluation import metrics
from audio_emotion.models.frontends import MelMfcc, MelMfccConfig
from audio_emotion.models.layers import ClipNorm, speech_frames
from audio_emotion.training.dataset import Dataset, load_dataset

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))
from conditions import CONDITIONS  # noqa: E402
from nested import SUNG, is_song  # noqa: E402

HARD = ("white noise at 10 dB", "telephone band", "a room of 0.5 s, direct sound 3 dB above")
RECORDS = HERE / "records"
BANKS = HERE.parents[1] / "build" / "lab"
FOLDS = tuple(tuple(int(actor) for actor in actors) for actors in NAMED_FOLDS["emobox"][:5])
WINDOW = 48_000
VERSIONS = 16
FEATURE_TRANSFORMS = ("spec_augment", "mixup", "vtlp", "versions", "repeat_after")


@dataclass(frozen=True)
class Recipe:
    """What an experiment may change.

    Attributes:
        augment: transforms in place of, or beside, the default's; an empty table takes one out.
        sentence: weight of the loss of which sentence, and how strongly, it is spoken.
        ema: share that the running mean of the weights keeps at each step.
        song: RAVDESS's songs of the training actors too, with outputs of their own.
        pitch: periodicity (:mod:`pitch`) as a third channel.
        range_db: how far below its loudest value a log-mel spectrogram is cut off, for both channels; 0: by the
            normalisation, at 80 dB, for the log-mel alone.
    """

    epochs: int = 40
    batch_size: int = 32
    lr: float = 2e-3
    weight_decay: float = 0.01
    label_smoothing: float = 0.1
    network: Mapping[str, Any] = field(default_factory=dict)
    augment: Mapping[str, Any] = field(default_factory=dict)
    sentence: float = 0.0
    ema: float = 0.0
    song: bool = False
    pitch: bool = False
    range_db: float = 0.0

    @property
    def table(self) -> dict[str, Any]:
        merged = {**DEFAULT, **self.augment}
        return {name: value for name, value in merged.items() if value != {}}


def experiments() -> dict[str, Any]:
    return tomllib.loads((HERE / "experiments.toml").read_text("utf-8"))


def read(name: str) -> Recipe:
    table = experiments()[name]
    known = {one.name for one in fields(Recipe)}
    return Recipe(**{key: value for key, value in table.items() if key in known})


class Bank:
    """Log-mel spectrograms of every clip: 16 augmented versions to train by, and the windows that it is judged by."""

    def __init__(self, material: Dataset, recipe: Recipe) -> None:
        self.utterances = sorted(material.corpus.utterances, key=lambda u: str(u.path.name))
        self.frontend = MelMfcc(MelMfccConfig())
        spectrum, size = self.frontend.log_mel.spectrum, self.frontend.config.n_mels
        self.pitch = Periodicity(spectrum, 16_000, size, 62.5, 500.0) if recipe.pitch else None
        self.digests = [u.digest for u in self.utterances]
        sounds = [material.sounds[digest] for digest in self.digests]
        waves = {name: value for name, value in recipe.table.items() if name not in FEATURE_TRANSFORMS}
        parts = [waves, self.digests, VERSIONS, HARD]
        given = json.dumps([*parts, "pitch"] if self.pitch else parts, sort_keys=True)
        place = BANKS / hashlib.sha256(given.encode()).hexdigest()[:16]
        if not (place / "clean owners.npy").exists():
            self._make(place, sounds, waves)
        self.versions = np.load(place / "versions.npy", mmap_mode="r")  # (versions, clips, frames, bins) fp16
        self.windows = {one: np.load(place / f"{one}.npy") for one in ("clean", *HARD)}  # (windows, frames, bins)
        self.owners = {one: np.load(place / f"{one} owners.npy") for one in ("clean", *HARD)}

    def _make(self, place: Path, sounds: Sequence[Any], waves: Mapping[str, Any]) -> None:
        place.mkdir(parents=True, exist_ok=True)
        heard = Sounds(sounds, 16_000, WINDOW, 0, {**waves, "versions": 4})
        numbers = np.array_split(np.arange(len(sounds)), max(1, len(sounds) // 32))
        versions = [
            np.concatenate([self._mel(heard.stack(version, some)) for some in numbers]) for version in range(VERSIONS)
        ]
        np.save(place / "versions.npy", np.stack(versions))
        rng = np.random.default_rng(1)
        for name in (*HARD, "clean"):
            change = CONDITIONS.get(name, lambda x, *_: x)
            cut = [speech_windows(change(sound, 16_000, rng), WINDOW, 16_000) for sound in sounds]
            np.save(place / f"{name}.npy", np.concatenate([self._mel(one) for one in cut]))
            np.save(place / f"{name} owners.npy", np.repeat(np.arange(len(cut)), [len(one) for one in cut]))

    @torch.inference_mode()
    def _mel(self, samples: Any) -> Any:
        heard = torch.from_numpy(samples)
        log_mel = self.frontend.log_mel(heard)
        if self.pitch:
            log_mel = torch.cat([log_mel, self.pitch(self.frontend.log_mel.spectrum(heard))], dim=2)
        return log_mel.numpy().astype(np.float16)


class Features:
    """Log-mel spectrograms → normalised channels."""

    def __init__(self, bank: Bank, recipe: Recipe) -> None:
        self.frontend, self.recipe, self.normalise = bank.frontend, recipe, ClipNorm()
        self.table, self.size = recipe.table, bank.frontend.config.n_mels

    def __call__(self, log_mel: Any, rng: np.random.Generator | None = None) -> Tensor:
        heard = torch.from_numpy(np.asarray(log_mel, np.float32))
        heard, periods = heard[:, :, : self.size], heard[:, :, self.size :].transpose(1, 2)
        if self.recipe.range_db:
            heard = torch.maximum(heard, heard.amax(dim=(1, 2), keepdim=True) - self.recipe.range_db)
        x = self.frontend.of_log_mel(heard)
        if rng is not None and (vtlp := self.table.get("vtlp")):
            factors = rng.uniform(vtlp["lowest"], vtlp["highest"], len(x))
            x = warp(x, torch.from_numpy(factors), self.frontend, 4_800.0)
        x = self.normalise(x)
        if not self.recipe.pitch:
            return x
        return torch.cat([x, ((2 * periods - 0.5) * speech_frames(x[:, 1]))[:, None]], dim=1)


def described(utterance: Utterance) -> tuple[int, int, int, bool]:
    """Return actor, intensity and sentence (0 or 1), and whether it is sung, as RAVDESS's file names tell."""
    parts = [int(part) for part in utterance.path.stem.split("-")]
    return parts[6], parts[3] - 1, parts[4] - 1, is_song(utterance)


class Trial:
    """One network on one side."""

    def __init__(self, recipe: Recipe, bank: Bank, labels: Sequence[str], actors: Sequence[int], seed: int) -> None:
        torch.manual_seed(seed)
        self.recipe, self.bank, self.seed = recipe, bank, seed
        facts = np.array([described(u) for u in bank.utterances])
        self.numbers = np.flatnonzero(np.isin(facts[:, 0], actors))
        self.facts = torch.from_numpy(facts.astype(np.int64))
        self.n_labels = len(labels)
        targets = np.array([labels.index(u.label) for u in bank.utterances])
        self.targets = torch.from_numpy(targets + self.n_labels * facts[:, 3])  # songs have outputs of their own
        self.features = Features(bank, recipe)
        sizes = Network(**recipe.network)
        n_bins = bank.frontend.config.n_mels
        n_outputs = self.n_labels * (1 + recipe.song)
        self.network = Tried(sizes, 2 + recipe.pitch, n_bins, n_outputs)
        self.network.to(memory_format=torch.channels_last)
        skip_draws((sizes.hidden, 25))
        self.aside = torch.nn.Linear(sizes.hidden, 2)
        self.learnt = [*self.network.parameters(), *self.aside.parameters()]
        self.optimizer = torch.optim.AdamW(self.learnt, lr=recipe.lr, weight_decay=recipe.weight_decay)
        steps = recipe.epochs * (len(self.numbers) // recipe.batch_size)
        self.schedule = torch.optim.lr_scheduler.OneCycleLR(self.optimizer, recipe.lr, total_steps=steps)
        keep = torch.optim.swa_utils.get_ema_multi_avg_fn(recipe.ema)
        self.mean = torch.optim.swa_utils.AveragedModel(self.network, multi_avg_fn=keep, use_buffers=True)

    def train(self) -> float:
        last = []
        for epoch in range(self.recipe.epochs):
            rng = np.random.default_rng([self.seed, epoch])
            order, last = rng.permutation(self.numbers), []
            self.network.train()
            for i in range(0, len(order) - self.recipe.batch_size + 1, self.recipe.batch_size):
                last.append(self._step(order[i : i + self.recipe.batch_size], rng))
        return float(np.mean(last))

    def _step(self, some: Any, rng: np.random.Generator) -> float:
        versions = rng.integers(VERSIONS, size=len(some))
        x = self.features(self.bank.versions[versions, some], rng)
        table = self.recipe.table
        x = spec_augment(x, rng, **table["spec_augment"]) if "spec_augment" in table else x
        labels = F.one_hot(self.targets[some], self.n_labels * (1 + self.recipe.song))
        target = torch.cat([labels, self.facts[some, 1:3]], dim=1).float()
        if alpha := table.get("mixup", {}).get("alpha"):
            x, target = mixup(x, target, rng, alpha)
        loss = self._loss(x, target)
        self.optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.learnt, 5.0)
        self.optimizer.step()
        self.schedule.step()
        if self.recipe.ema:
            self.mean.update_parameters(self.network)
        return loss.item()

    def _loss(self, x: Tensor, target: Tensor) -> Tensor:
        with torch.autocast("cpu", torch.bfloat16):
            logits, hidden = self.network(x)
        logits, hidden = logits.float(), hidden.float()
        own, aside = target.split([logits.shape[1], 2], dim=1)
        loss = F.cross_entropy(logits, own, label_smoothing=self.recipe.label_smoothing)
        if weight := self.recipe.sentence:
            loss = loss + weight * F.binary_cross_entropy_with_logits(self.aside(hidden), aside)
        return loss

    @torch.inference_mode()
    def answers(self, actors: Sequence[int], condition: str = "clean") -> tuple[Any, Any]:
        """Return the labels and the mean logits of the spoken clips of some actors, heard in a condition."""
        network = self.mean.module if self.recipe.ema else self.network
        network.eval()
        wanted = np.flatnonzero(np.isin(self.facts[:, 0].numpy(), actors) & (self.facts[:, 3].numpy() == 0))
        owners, windows = self.bank.owners[condition], self.bank.windows[condition]
        chosen = np.flatnonzero(np.isin(owners, wanted))
        parts = np.array_split(chosen, max(1, len(chosen) // 32))
        said = np.concatenate([network(self.features(windows[part]))[0].numpy() for part in parts])
        logits = np.stack([mean_or_nothing(said[owners[chosen] == one]) for one in wanted])
        return self.targets[wanted].numpy(), logits[:, : self.n_labels]


def mean_or_nothing(logits: Any) -> Any:
    """Return the mean over a clip's windows; of a clip without speech, the same for every label."""
    return logits.mean(axis=0) if len(logits) else np.zeros(logits.shape[1], np.float32)


def uar(labels: Any, logits: Any) -> float:
    return metrics.uar(labels.tolist(), logits.argmax(axis=1).tolist())


def carry_out(name: str, seed: int, material: Dataset, songs: Dataset | None) -> dict[str, Any]:
    recipe = read(name)
    bank = Bank(songs if recipe.song and songs else material, recipe)
    began, found, logits, losses = time.monotonic(), [], [], []
    hard: dict[str, list[float]] = {condition: [] for condition in HARD}
    for fold in range(len(FOLDS)):
        judges = FOLDS[(fold + 1) % 5]
        actors = [a for number, some in enumerate(FOLDS) for a in some if number not in (fold, (fold + 1) % 5)]
        trial = Trial(recipe, bank, material.labels.labels, actors, seed)
        losses.append(trial.train())
        labels, said = trial.answers(judges)
        found.append(uar(labels, said))
        for condition, some in hard.items():
            some.append(uar(*trial.answers(judges, condition)))
        logits.append(np.concatenate([labels[:, None], said], axis=1))
        print(f"{name} seed {seed}: fold {fold + 1} {found[-1]:.3f}, loss {losses[-1]:.3f}", flush=True)
    np.save(BANKS / f"{name}-{seed}.npy", np.stack(logits).astype(np.float32))
    return {
        "uar": [round(one, 4) for one in found],
        "mean": round(float(np.mean(found)), 4),
        "hard": {condition: round(float(np.mean(some)), 4) for condition, some in hard.items()},
        "loss": round(float(np.mean(losses)), 3),
        "parameters": sum(p.numel() for p in trial.network.parameters()),
        "seconds": round(time.monotonic() - began),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="+", metavar="NAME", choices=list(experiments()))
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    given = parser.parse_args()
    torch.set_num_threads(1)
    RECORDS.mkdir(exist_ok=True)
    material, songs = load_dataset(()), None
    for seed in given.seeds:
        for name in given.names:
            record = RECORDS / f"{name}-{seed}.json"
            if not record.exists():
                if read(name).song:
                    songs = songs or load_dataset(SUNG)
                record.write_text(json.dumps(carry_out(name, seed, material, songs), indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
