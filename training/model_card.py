"""Write docs/model-card.md, the long model card of the bundled models, from the committed records.

    python training/model_card.py

The model folders contain short cards (``audio_emotion/models/card.py``). The figures come from ``bundle.py``.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import risk_coverage

HERE = Path(__file__).parent
RECORDS = HERE / "records"
PAGE = HERE.parent / "docs" / "model-card.md"
NAME = "default"
CORPORA = {
    "ravdess": "RAVDESS speech, 8 labels",
    "ravdess-song": "RAVDESS songs, 6 labels",
    "crema-d": "CREMA-D, 6 labels",
    "emodb": "EmoDB (German), 6 labels",
    "savee": "SAVEE (4 men), 7 labels",
    "tess": "TESS (2 women), 7 labels",
}

PURPOSE = """# Model card: the bundled model

Written by [training/model_card.py](../training/model_card.py) from [records](../training/records/) of runs. The model
folder contains a [short form](../audio_emotion/weights/default/README.md).

## The model

`{architecture}` reads three seconds of sound. Its first part is the beginning of Whisper tiny's encoder (Radford et al.
2022), as Smart Turn tuned it to recognize the end of a turn: two convolutions and two and a half of its four levels,
4.8 million parameters, frozen. The trained part, {trained:,} parameters, has two convolutions, attentive statistics
over time and two fully connected layers. Its output is a probability for each of eight emotions. A second one decides
whether a window contains speech. Recipe [whisper-tiny.toml](../training/configs/whisper-tiny.toml), version {version},
weights `{sha256}`.

## Intended use

The model is a demonstration, a baseline to compare with, and a starting point for [your own model](fine-tuning.md). You
may use it for research, teaching and other non-commercial purposes.

**Do not use it to judge a person**: not in hiring, at work, in class, in court, not in health care without a qualified
person, and not to find out what somebody feels. It recognizes how actors play emotions. People show emotions
differently, or not at all.

The EU AI Act (Regulation (EU) 2024/1689) prohibits systems that infer the emotions of people at the workplace and in
education, except for medical or safety reasons (Article 5(1)(f)). Elsewhere it classifies emotion recognition as
high-risk (Annex III) and requires that people are informed when they are exposed to it (Article 50). Other laws, such
as those on biometric data, may also apply.

## Training data

{clips:,} recordings by {speakers} speakers: RAVDESS speech and songs (CC BY-NC-SA 4.0), CREMA-D (ODbL 1.0), EmoDB (free
for research) and SAVEE (research use). All are acted. The labels are the emotions that the speakers were asked to play.
A corpus without calm says nothing about calm: its neutral recordings count as "neutral or calm". Because of RAVDESS the
weights are under [CC BY-NC-SA 4.0](../audio_emotion/weights/LICENSE): no commercial use, attribution, and the same
licence for derived works. The output for speech was trained with noises of ESC-50 (CC BY-NC) and sounds made for it.

The data that Whisper and Smart Turn were trained on is not published; recordings of these corpora may be among it,
without their emotions.
"""

LIMITS = """## Limits

- **Acted speech.** The data contains no spontaneous speech, no children, no illness, no crowds, and two languages.
- **Calm** is only in RAVDESS. Elsewhere a calm voice may be called neutral or calm.
- **Absolute loudness is not an input**, only its course over time
  ([why](decisions/0002-normalisation-within-the-window.md)).
- **What is said** has little influence: most corpora have the same sentences for every emotion.
- **Probabilities** are calibrated for new speakers of these corpora. For other recordings they are too high.
- **Laughter, crying, sneezes** and other sounds of the voice are partly taken for speech.
"""


def main() -> None:
    PAGE.write_text(render(), "utf-8")


def render() -> str:
    """Return the page."""
    record = _read(f"bundled-{NAME}.json")
    return "\n".join([_purpose(record), *_new_speakers(record), *_left_out(), *_risk(), *_speech(), LIMITS])


def _read(name: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((RECORDS / name).read_text("utf-8"))
    return content


def _purpose(record: dict[str, Any]) -> str:
    config = json.loads((HERE.parent / "audio_emotion/weights" / NAME / "config.json").read_text("utf-8"))
    sizes = [_product(shape) for name, shape in config["tensors"].items() if "running" not in name]
    return PURPOSE.format(
        architecture=config["architecture"],
        trained=sum(sizes),
        version=config["package_version"],
        sha256=record["sha256"]["model.safetensors"][:12],
        clips=record["training"]["utterances"]["train"],
        speakers=len(record["training"]["speakers"]["train"]),
    )


def _product(shape: list[int]) -> int:
    product = 1
    for size in shape:
        product *= size
    return product


def _new_speakers(record: dict[str, Any]) -> Iterator[str]:
    yield (
        "## Accuracy on new speakers\n\n"
        "UAR is the unweighted mean of the recalls of a corpus's labels. The bundled weights were trained on all "
        "speakers, so no speaker is left to test them. These figures are of the same recipe on the five folds `union`: "
        "each recording is predicted by a model that did not see its speaker (RAVDESS: EmoBox folds 1-5). One seed. "
        "*Adapted* means [adapted](adaptation.md) to the unlabelled recordings of each test speaker. A corpus without "
        "calm counts calm as neutral. Brackets: 95 % interval over speakers.\n\n"
        "| corpus | recordings | UAR, mean of the folds | by fold | as answered, among all eight | adapted | ECE |\n"
        "|---|---|---|---|---|---|---|"
    )
    for corpus, plain in record["without adaptation"].items():
        adapted = record["adapted by speaker"][corpus]
        low, high = (100 * x for x in plain["interval over speakers"])
        yield (
            f"| {CORPORA[corpus]} | {plain['recordings']:,} "
            f"| {_percent(plain['mean of folds'])} ({low:.1f}-{high:.1f}) "
            f"| {', '.join(f'{100 * x:.1f}' for x in plain['by fold'])} | {_percent(plain['UAR as answered'])} "
            f"| {_percent(adapted['mean of folds'])} | {_percent(record['ECE'][corpus])} |"
        )
    yield (
        "\nThe choices were made on nested folds with the speakers of two folds, so fold 1 and folds 4 and 5 owe them "
        "nothing ([experiments](../training/experiments/across-corpora.md)). The former bundled model, trained on "
        "RAVDESS alone, had 70.2 % on these folds of RAVDESS, and 26.2 % on CREMA-D.\n"
    )


def _left_out() -> Iterator[str]:
    left = _read("left-out-corpora.json")
    yield (
        "## Accuracy on corpora that are left out\n\n"
        "The recipe trained without the corpus. TESS is in no training. *Adapted* means adapted to all unlabelled "
        "recordings of the corpus.\n\n| corpus | UAR among its labels | adapted |\n|---|---|---|"
    )
    for corpus, figures in left["corpora"].items():
        yield (
            f"| {CORPORA[corpus]} | {_percent(figures['without adaptation'])} "
            f"| {_percent(figures['adapted by corpus'])} |"
        )
    yield ""


def _risk() -> Iterator[str]:
    """Yield which ``--min-confidence`` to choose, once it was measured on left-out corpora."""
    if not (RECORDS / "risk-coverage.json").is_file():
        return
    record = _read("risk-coverage.json")
    yield "## Which `--min-confidence` to choose\n"
    yield (
        "`--min-confidence P` labels predictions with a lower score `unknown`. This is what a threshold is worth on "
        "speakers, languages and rooms that the model does not know.\n"
    )
    yield risk_coverage.table(record) + "\n"
    shown = list(zip(record["thresholds"], record["coverage"], record["risk"], strict=True))
    yield "| `--min-confidence` | recordings answered | wrong answers among them |\n|---|---|---|"
    yield from (f"| {threshold:.1f} | {coverage:.0%} | {risk:.0%} |" for threshold, coverage, risk in shown)
    yield ""


def _speech() -> Iterator[str]:
    yield (
        "## Speech or not\n\n"
        "A window counts as speech from a probability of 0.1. With noises held out, 7 % of the noises of ESC-50 and "
        "11 % of coughs, sneezes, yawns and similar sounds get an emotion, and at most 0.2 % of speech is lost with "
        "noise at 10 dB ([how it was measured](../training/experiments/across-corpora.md#speech-or-not)).\n"
    )


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


if __name__ == "__main__":
    main()
