"""Why the bundled model does no better than guessing on SAVEE: what it answers when the sound is changed in one way.

    python training/savee.py savee=DIR ravdess=DIR

Draws some recordings of SAVEE, and as many of RAVDESS's men (SAVEE has men alone). Writes training/records/savee.json:
levels and spectra of both, and UAR and answers for SAVEE as it is, softer, faster, without its lowest frequencies, and
with RAVDESS's mean spectrum.
"""

import json
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
from scipy.signal import butter, fftconvolve, firwin2, sosfilt, welch

from audio_emotion import audio, load_model
from audio_emotion.core.types import FloatArray
from audio_emotion.corpora.base import Utterance
from audio_emotion.corpora.sources import gather, parse_sources
from audio_emotion.evaluation import metrics
from audio_emotion.evaluation.evaluate import Evaluation
from audio_emotion.inference.model import Model

RECORD = Path(__file__).parent / "records" / "savee.json"
N_CLIPS, RATE, FRAME = 112, 16_000, 512
BANDS = ((0, 120), (120, 1_000), (1_000, 2_000), (2_000, 4_000), (4_000, 7_500))
SMOOTH = 11  # bins of 16 Hz over which the difference of spectra is averaged


def main() -> None:
    rng = np.random.default_rng(0)
    savee, ravdess = (gather([source]).utterances for source in parse_sources(sys.argv[1:]))
    drawn = [pick(savee, rng), pick([u for u in ravdess if u.attributes["sex"] == "male"], rng)]
    model = load_model(device="cpu")
    clips, others = ([sound(model, u) for u in utterances] for utterances in drawn)
    dull = spectrum(others) - spectrum(clips)  # dB, (n_bins,)
    smooth = np.convolve(np.pad(dull, SMOOTH // 2, "edge"), np.ones(SMOOTH) / SMOOTH, "valid")
    like_ravdess = firwin2(513, np.linspace(0, 1, len(smooth)), 10 ** (smooth / 20))
    high = butter(4, 100, "high", fs=RATE, output="sos")
    changes: dict[str, Callable[[FloatArray], FloatArray]] = {
        "as it is": lambda x: x,
        "20 dB softer": lambda x: x * 0.1,
        "1.1 times as fast": lambda x: np.interp(np.arange(0, len(x), 1.1), np.arange(len(x)), x),
        "without what is below 100 Hz": lambda x: sosfilt(high, x),
        "with the mean spectrum of RAVDESS's men": lambda x: fftconvolve(x, like_ravdess, "same"),
    }
    record = {
        "clips": N_CLIPS,
        "median dB between the softest and the loudest twentieth of frames": {
            "savee": spread(clips), "ravdess men": spread(others)
        },
        "dB below ravdess men, by band in Hz, levels alike": {
            f"{low}-{top}": round(float(dull[band(low, top)].mean()), 1) for low, top in BANDS
        },
        "answers": {name: asked(model, drawn[0], [f(x) for x in clips]) for name, f in changes.items()},
    }  # fmt: skip
    RECORD.write_text(json.dumps(record, indent=1) + "\n", "utf-8")
    print(json.dumps(record, indent=1))


def pick(utterances: "list[Utterance] | tuple[Utterance, ...]", rng: np.random.Generator) -> list[Utterance]:
    return [utterances[i] for i in rng.permutation(len(utterances))[:N_CLIPS]]


def sound(model: Model, utterance: Utterance) -> FloatArray:
    return audio.load(utterance.path, model.config.sampling_rate).samples


def spectrum(clips: list[FloatArray]) -> FloatArray:
    """Return the mean power spectrum in dB, each clip at the same level."""
    powers = [welch(x / np.sqrt((x**2).mean()), RATE, nperseg=1024)[1] for x in clips]
    return np.asarray(10 * np.log10(np.mean(powers, axis=0)), np.float32)


def band(low: int, top: int) -> slice:
    return slice(low * 1024 // RATE, top * 1024 // RATE)


def spread(clips: list[FloatArray]) -> float:
    """Return how far the softest frames lie below the loudest ones, the median over clips, in dB."""
    ranges = []
    for x in clips:
        frames = np.lib.stride_tricks.sliding_window_view(x, FRAME)[:: FRAME // 2]
        level = 10 * np.log10((frames**2).mean(axis=1) + 1e-12)
        ranges.append(np.percentile(level, 95) - np.percentile(level, 5))
    return round(float(np.median(ranges)), 1)


def asked(model: Model, utterances: list[Utterance], clips: list[FloatArray]) -> dict[str, object]:
    said = [model.predict(np.ascontiguousarray(x, np.float32), RATE) for x in clips]
    rows = np.array([list(one.scores.values()) for one in said])
    evaluation = Evaluation(model.config.labels, tuple(utterances), tuple(one.label for one in said), rows)
    among = metrics.uar(evaluation.targets, evaluation.among(evaluation.occurring))
    return {
        "uar": round(evaluation.uar, 3),
        "uar among its labels": round(among, 3),
        "answers": dict(Counter(evaluation.answers).most_common()),
    }


if __name__ == "__main__":
    main()
