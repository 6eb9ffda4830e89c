"""Write docs/model-card.md, the long card of the bundled models, from the committed records.

    python training/model_card.py

The model folders contain short cards (``audio_emotion/models/card.py``). The figures come from ``bundle.py``,
``left_out.py``, ``calibration.py``, ``speech_output.py`` and ``int8.py``.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import risk_coverage

from audio_emotion.core import paths
from audio_emotion.models import licences
from audio_emotion.models.checkpoint import BUNDLED

HERE = Path(__file__).parent
RECORDS = HERE / "records"
PAGE = HERE.parent / "docs" / "model-card.md"
CORPORA = {
    "ravdess": "RAVDESS speech",
    "ravdess-song": "RAVDESS songs",
    "crema-d": "CREMA-D",
    "emodb": "EmoDB (German)",
    "savee": "SAVEE (4 men)",
    "tess": "TESS (2 women)",
}

START = """# Model card: the bundled models

Written by [training/model_card.py](../training/model_card.py) from [records](../training/records/) of runs. The model
folders contain short forms.
"""

PURPOSE = """
## Intended use

The models are a demonstration, a baseline to compare with, and a starting point for [your own model](fine-tuning.md).

**Do not use them to judge a person**: not in hiring, at work, in class, in court, not in health care without a
qualified person, and not to find out what somebody feels. They recognize how actors play emotions. People show emotions
differently, or not at all.

The EU AI Act (Regulation (EU) 2024/1689) prohibits systems that infer the emotions of people at the workplace and in
education, except for medical or safety reasons (Article 5(1)(f)). Elsewhere it classifies emotion recognition as
high-risk (Annex III) and requires that people are informed when they are exposed to it (Article 50). Other laws, such
as those on biometric data, may also apply.
"""

NETWORK = """## The network

`whisper-tiny` reads three seconds of sound. Its first part is the beginning of Whisper tiny's encoder (Radford et al.
2022), as Smart Turn tuned it to recognize the end of a turn: two convolutions and two and a half of its four levels,
4.8 million parameters, frozen. The trained part has two convolutions, attentive statistics over time and two fully
connected layers. One output is a probability for each emotion. A second one decides whether a window contains speech.
Recipe: [whisper-tiny.toml](../training/configs/whisper-tiny.toml).

The data that Whisper and Smart Turn were trained on is not published; recordings of these corpora may be among it,
without their emotions.
"""

TRAINED_ON = {
    "default": """RAVDESS speech and songs (CC BY-NC-SA 4.0), CREMA-D (ODbL 1.0), EmoDB (free for research) and SAVEE
(research use). All are acted. The labels are the emotions that the speakers were asked to play. A corpus without calm
says nothing about calm: its neutral recordings count as "neutral or calm". Because of RAVDESS the weights are under
[CC BY-NC-SA 4.0](../audio_emotion/weights/LICENSE): no commercial use, attribution, and the same licence for derived
works. The output for speech was trained with noises of ESC-50 (CC BY-NC) and sounds made for it.""",
    "open": """CREMA-D alone (ODbL 1.0, contents DbCL 1.0). All are acted. No other recording trained any part of it:
its output for speech learned from noise, tones, music, clicks, breath-like noise and babble that were made for it, the
babble from CREMA-D, and its temperature was fitted on CREMA-D. So it may be used commercially as far as that
[licence](../audio_emotion/weights/LICENSE-OPEN) goes: name CREMA-D, and share databases derived from it under the ODbL.
The settings of the recipe were chosen with the recordings of `default`.""",
}

LIMITS = """## Limits

- **Acted speech.** The data contains no spontaneous speech, no children, no illness, no crowds, and two languages;
  that of `open` English alone.
- **Calm** is only in RAVDESS. Elsewhere a calm voice may be called neutral or calm.
- **Absolute loudness is not an input**, only its course over time
  ([why](decisions/0002-normalisation-within-the-window.md)).
- **What is said** has little influence: most corpora have the same sentences for every emotion.
- **Probabilities** are a compromise between new speakers of known corpora and corpora that were left out. For
  recordings that differ more, such as spontaneous speech, they are too high.
- **Laughter, crying, sneezes** and other sounds of the voice are partly taken for speech.
"""


def main() -> None:
    PAGE.write_text(render(), "utf-8")


def render() -> str:
    """Return the page."""
    parts = [START, *_overview(), PURPOSE, NETWORK]
    for name in BUNDLED:
        record = _read(f"bundled-{name}.json")
        parts += [*_training(name, record), *_new_speakers(name, record), *_left_out(name), *_calibrated(record)]
        parts += [*_risk(name), *_speech(name)]
    return "\n".join([*parts, LIMITS])


def _read(name: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((RECORDS / name).read_text("utf-8"))
    return content


def _config(name: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((paths.bundled_model_dir(name) / "config.json").read_text("utf-8"))
    return content


def _overview() -> Iterator[str]:
    yield "| name | trained on | labels | commercial use | UAR on new speakers |\n|---|---|---|---|---|"
    for name in BUNDLED:
        config, plain = _config(name), _read(f"bundled-{name}.json")["without adaptation"]
        corpora = ", ".join(CORPORA[corpus].partition(" (")[0] for corpus in config["training"]["corpora"])
        allowed = licences.allows_commercial_use(config["training"]["licence"])
        figures = ", ".join(
            f"{CORPORA[corpus].partition(' (')[0]} {_percent(plain[corpus]['mean of folds'])}"
            for corpus in ("ravdess", "crema-d")
            if corpus in plain
        )
        yield f"| `{name}` | {corpora} | {len(config['labels'])} | {'yes' if allowed else 'no'} | {figures} |"


def _training(name: str, record: dict[str, Any]) -> Iterator[str]:
    config = _config(name)
    sizes = {tensor: _product(shape) for tensor, shape in config["tensors"].items() if "running" not in tensor}
    n_members = config["parameters"].get("n_members", 1)
    zeros = sizes["network.head.2.weight"] * (n_members - 1) // n_members  # what would lead from one to another
    trained = sum(sizes.values()) - zeros
    networks = f"The mean of {n_members} networks that differ by their seed: " if n_members > 1 else ""
    training = record["training"]
    yield (
        f"## The model `{name}`\n\n"
        f"{training['utterances']['train']:,} recordings by {len(training['speakers']['train'])} speakers: "
        f"{TRAINED_ON[name]}\n\n"
        f"{networks}{trained:,} trained parameters, labels {', '.join(config['labels'])}, "
        f"version {config['package_version']}, weights `{record['sha256']['model.safetensors'][:12]}`.\n"
    )


def _product(shape: list[int]) -> int:
    product = 1
    for size in shape:
        product *= size
    return product


def _new_speakers(name: str, record: dict[str, Any]) -> Iterator[str]:
    plain = record["without adaptation"]
    yield (
        f"### Accuracy of `{name}` on new speakers\n\n"
        "UAR is the unweighted mean of the recalls of a corpus's labels. The bundled weights were trained on all "
        "speakers, so no speaker is left to test them. These figures are of the same recipe on the five folds `union`: "
        "each recording is predicted by a model that did not see its speaker (RAVDESS: EmoBox folds 1-5). "
        f"{_seeds(record)} "
        "*Adapted* means [adapted](adaptation.md) to the unlabelled recordings of each test speaker. A corpus without "
        "calm counts calm as neutral. Brackets: 95 % interval over speakers.\n\n"
        "| corpus | recordings | UAR, mean of the folds | by fold | as answered, among all labels | adapted | ECE |\n"
        "|---|---|---|---|---|---|---|"
    )
    for corpus, figures in plain.items():
        adapted = record["adapted by speaker"][corpus]
        low, high = (100 * x for x in figures["interval over speakers"])
        yield (
            f"| {CORPORA[corpus]} | {figures['recordings']:,} "
            f"| {_percent(figures['mean of folds'])} ({low:.1f}-{high:.1f}) "
            f"| {', '.join(f'{100 * x:.1f}' for x in figures['by fold'])} | {_percent(figures['UAR as answered'])} "
            f"| {_percent(adapted['mean of folds'])} | {_percent(record['ECE'][corpus])} |"
        )
    yield ""
    if name == "default":
        yield (
            "The choices were made on nested folds with the speakers of two folds, so fold 1 and folds 4 and 5 owe "
            "them nothing ([experiments](../training/experiments/across-corpora.md)). The former bundled model, "
            "trained on RAVDESS alone, had 70.2 % on these folds of RAVDESS, and 26.2 % on CREMA-D.\n"
        )


def _seeds(record: dict[str, Any]) -> str:
    """Return how many seeds were averaged, and what a seed alone reaches."""
    if "seeds" not in record:
        return "One seed."
    figures = record["seeds"]["without adaptation"]
    n_seeds = len(next(iter(figures.values()))["by seed"])
    alone = (f"{CORPORA[corpus]} {100 * x['mean']:.1f} ± {100 * x['SD']:.1f} %" for corpus, x in figures.items())
    return (
        f"The models of {n_seeds} seeds are averaged, as in the bundled model; a single seed has (mean and standard "
        f"deviation) {', '.join(alone)}."
    )


def _left_out(name: str) -> Iterator[str]:
    corpora = _read(f"left-out-{name}.json")["corpora"]
    unseen = "TESS is in no training. " if name == "default" else ""
    yield (
        f"### Accuracy of `{name}` on corpora that are left out\n\n"
        f"{'The recipe trained without the corpus. ' if name != 'open' else 'The bundled weights. '}{unseen}"
        "*Adapted* means adapted to all unlabelled recordings of the corpus.\n\n"
        "| corpus | UAR among its labels | adapted |\n|---|---|---|"
    )
    for corpus, figures in corpora.items():
        yield (
            f"| {CORPORA[corpus]} | {_percent(figures['without adaptation'])} "
            f"| {_percent(figures['adapted by corpus'])} |"
        )
    yield ""


def _calibrated(record: dict[str, Any]) -> Iterator[str]:
    others = record["ECE on left-out corpora"]
    listed = ", ".join(f"{CORPORA[corpus]} {_percent(error)}" for corpus, error in others.items() if corpus != "all")
    yield (
        f"The temperature, {record['temperature']:.2f}, was fitted on answers to speakers and corpora that the models "
        f"did not know ({'; '.join(record['fitted on'])}). The expected calibration error (ECE) of all recordings by "
        f"new speakers together is {_percent(record['ECE']['all'])}"
        + (f", and of all left-out corpora {_percent(others['all'])} ({listed}).\n" if others else ".\n")
    )


def _risk(name: str) -> Iterator[str]:
    """Yield which ``--min-confidence`` to choose, once it was measured on left-out corpora."""
    if not (RECORDS / f"risk-coverage-{name}.json").is_file():
        return
    record = _read(f"risk-coverage-{name}.json")
    yield f"### Confidence thresholds for `{name}`\n"
    yield (
        "`--min-confidence P` labels predictions with a lower score `unknown`. This is what a threshold is worth on "
        "speakers, languages and rooms that the model does not know.\n"
    )
    yield risk_coverage.table(record) + "\n"
    rows = list(zip(record["thresholds"], record["coverage"], record["risk"], strict=True))
    yield "| `--min-confidence` | recordings answered | wrong answers among them |\n|---|---|---|"
    yield from (f"| {threshold:.1f} | {coverage:.0%} | {risk:.0%} |" for threshold, coverage, risk in rows)
    yield ""


def _speech(name: str) -> Iterator[str]:
    if not (RECORDS / f"speech-output-{name}.json").is_file():
        return
    record = _read(f"speech-output-{name}.json")
    given, counts = record["given an emotion"], record["counts"]
    lost = max(figures["white noise at 10 dB"] for figures in record["speech lost"].values())
    held_out = ", held out of the training," if name != "open" else ", which did not train it,"
    sounds = f"{_percent(given['vocal sounds'])} of {counts['vocal sounds']} coughs, sneezes, yawns and similar sounds"
    yield (
        f"### Speech or not, `{name}`\n\n"
        f"A window counts as speech from a probability of {_config(name)['speech_threshold']:g}. "
        f"{_percent(given['noises'])} of {counts['noises']} "
        f"noises of ESC-50{held_out} and {sounds} get an emotion. With noise at 10 dB at most {_percent(lost)} of the "
        "speech of a corpus is lost ([how it was measured](../training/speech_output.py)).\n"
    )


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


if __name__ == "__main__":
    main()
