"""One recording through each transform, to listen to and to look at."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from zlib import crc32

import numpy as np

from audio_emotion import audio
from audio_emotion.augment.background import recordings
from audio_emotion.augment.recipe import FEATURES, WAVEFORM
from audio_emotion.core import paths
from audio_emotion.core.errors import UsageError
from audio_emotion.core.schema import suggestion
from audio_emotion.core.types import FloatArray

_PICTURES = ("vtlp", "spec_augment")  # mixup needs another utterance


def preview(
    source: Path,
    out: Path,
    sampling_rate: int,
    seed: int = 0,
    only: Sequence[str] = (),
    background: str | None = None,
) -> Iterator[tuple[Path, str]]:
    """Write a recording as it is, and changed by each transform with its default ranges; yield (file, what was drawn).

    Waveform transforms give WAV files (float, so that nothing is clipped), SpecAugment and vocal-tract-length
    perturbation pictures of the log-mel spectrogram. ``only`` names those that are wanted. Without a ``background``
    folder that transform is left out.

    Raises:
        UsageError: a name that no transform has, or the background without a folder of recordings.
        AudioError: the recording cannot be decoded.
        StorageError: ``out`` cannot be written.
    """
    selected = _selected(only, background)
    waveform = audio.load(source, sampling_rate)
    yield _write_sound(out / "clean.wav", waveform.samples, sampling_rate), f"{waveform.duration:.2f} s"
    for name in selected:
        rng = np.random.default_rng([seed, crc32(name.encode())])
        if name in FEATURES:
            yield _picture(name, waveform.samples, sampling_rate, rng, out / f"{name}.png")
            continue
        transform = WAVEFORM[name](background) if name == "background" else WAVEFORM[name]()
        drawn = transform.draw(rng)
        description = transform.tell(drawn)
        changed = transform.apply(waveform.samples, sampling_rate, drawn)
        slug = re.sub(r"[^\w.+-]+", "-", description)
        yield _write_sound(out / f"{name}_{slug}.wav", changed, sampling_rate), description


def _selected(only: Sequence[str], background: str | None) -> list[str]:
    known = dict.fromkeys([*WAVEFORM, *_PICTURES])
    for name in only:
        if name not in known:
            raise UsageError("no transform that can be previewed", subject=name, hint=f"{suggestion(name, known)}")
    if "background" in only and background is None:
        raise UsageError("background: name a folder of background recordings with --background")
    if background is not None:
        recordings(background)  # complains before anything is written
    return [name for name in only or known if name != "background" or background is not None]


def _write_sound(path: Path, samples: FloatArray, sampling_rate: int) -> Path:
    import soundfile

    with paths.writing_file(path) as sibling:
        soundfile.write(sibling, samples, sampling_rate, subtype="FLOAT", format="WAV")
    return path


def _picture(
    name: str, samples: FloatArray, sampling_rate: int, rng: np.random.Generator, path: Path
) -> tuple[Path, str]:
    """Draw the log-mel spectrogram before and after a feature transform."""
    import torch
    from matplotlib.figure import Figure

    from audio_emotion.augment.features import spec_augment
    from audio_emotion.augment.parameters import SpecAugment, Vtlp
    from audio_emotion.augment.vtlp import warp
    from audio_emotion.models.frontends import MelMfcc, MelMfccConfig

    frontend = MelMfcc(MelMfccConfig(sampling_rate=sampling_rate, f_max=sampling_rate / 2))
    before = frontend(torch.from_numpy(samples)[None])
    before = before.clamp_min(float(before[:, 0].max()) - 80)
    if name == "vtlp":
        vtlp = Vtlp()
        factor = float(rng.uniform(vtlp.lowest, vtlp.highest))
        after, description = warp(before, torch.tensor([factor]), frontend, vtlp.corner_hz), f"{factor:.3f} times"
    else:
        mean = before[:, :1].mean()
        after = spec_augment(before - mean, rng, SpecAugment().max_bins, SpecAugment().max_frames) + mean
        description = f"bands up to {SpecAugment().max_bins} bins, spans up to {SpecAugment().max_frames} frames"
    figure = Figure(figsize=(9, 6), layout="constrained")
    for axes, features, title in zip(figure.subplots(2, 1), (before, after), ("before", "after"), strict=True):
        image = axes.imshow(features[0, 0].numpy(), origin="lower", aspect="auto")
        axes.set(title=f"{title}: {description}" if title == "after" else title, xlabel="frame", ylabel="mel band")
        figure.colorbar(image, label="dB")
    with paths.writing_file(path) as sibling:
        figure.savefig(sibling, format="png")
    return path, description
