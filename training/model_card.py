"""Write docs/model-card.md, the long model card of the bundled model, from the committed records.

    python training/model_card.py

The model folder contains a short card (``audio_emotion/models/card.py``). The figures come from the test sides that
``compare.py`` recorded on EmoBox folds 1-5, and from ``bundle.py``, ``robustness.py``, ``int8.py``,
``cross_corpus.py``, ``fine_tune.py`` and ``benchmarks/export.py``.
"""

import csv
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import risk_coverage

from audio_emotion.core.emotions import emotions
from audio_emotion.corpora.ravdess import SPEECH
from audio_emotion.evaluation.evaluate import Evaluation

HERE = Path(__file__).parent
RECORDS = HERE / "records"
PAGE = HERE.parent / "docs" / "model-card.md"
NAME = "speech-embedding"
CORPORA = {"tess": "TESS (English, 2 women)", "emodb": "EmoDB (German, 10 speakers)", "savee": "SAVEE (English, 4 men)"}

PURPOSE = """# Model card: the bundled model

Written by [training/model_card.py](../training/model_card.py) from [records](../training/records/) of runs. The model
folder contains a [short form](../audio_emotion/weights/default/README.md).

## The model

`{name}` is a convolutional network with {parameters:,} parameters. Its input is a log-mel spectrogram of three seconds
of sound, from 60 to 3,800 Hz. Its output is a probability for each of eight emotions ([architecture](architecture.md)).
The convolutions started from the weights of Google's speech embedding, a small network trained to recognize 5,000
keywords. The first three convolutions kept these weights ([why](decisions/0007-a-pretrained-network.md)). Version
{version}, recipe [speech-embedding.toml](../training/configs/speech-embedding.toml), weights `{sha256}`.

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

{clips:,} recordings of RAVDESS speech (Livingstone and Russo 2018) by {actors} of its 24 professional actors, half of
them women. They spoke two sentences in North American English in a studio, each emotion at two intensities (neutral at
one). The labels are the emotions that the actors were asked to play. The recordings are under **CC BY-NC-SA 4.0**, and
so are [the weights](../audio_emotion/weights/LICENSE): no commercial use, attribution, and the same licence for
derived works.

The pretrained network (Lin et al. 2020, arXiv 2002.01322) was trained on recordings of keywords in videos that its
authors do not publish. The speakers are unknown. RAVDESS was on the web at that time, so its recordings may be among
them, without their emotions. The network is under the Apache License 2.0, in the form that openWakeWord distributes
under CC BY-NC-SA 4.0.
"""

LIMITS = """## Limits

- **Acted speech from one studio.** Two sentences, one accent, clean microphones. The data contains no spontaneous
  speech, no children, no old people, no illness, no other languages and no crowds.
- **Calm and neutral** are close in RAVDESS, and the same thing elsewhere. Most corpora have no calm.
- **Absolute loudness is not an input**, only its course over time
  ([why](decisions/0002-normalisation-within-the-window.md)).
- **Words are not an input**: the two sentences are the same for every emotion.
- **Probabilities** are calibrated for speech like the training data. Elsewhere they are too high: see the
  calibration errors of the other corpora above.
- **Few speakers.** Differences between groups of a dozen actors say little about people. Look at the intervals.
"""


def main() -> None:
    PAGE.write_text(render(), "utf-8")


def render() -> str:
    """Return the page."""
    bundled, cross, savee, tuned = (
        _read(f"{name}.json") for name in ("bundled", "cross-corpus", "savee", "fine-tuning")
    )
    evaluation = tested()
    parts = [
        _purpose(bundled),
        *_figures(bundled, evaluation),
        *_groups(evaluation),
        *_conditions(_read("robustness.json")),
        *_cost(),
        *_elsewhere(cross, savee),
        *_risk(),
        *_fine_tuned(tuned),
        LIMITS,
    ]
    return "\n".join(parts)


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


def tested() -> Evaluation:
    """Return the predictions of the recipe's models on the test sides of the folds, all runs combined."""
    utterances, rows = [], []
    for path in _records(f"{NAME}-emobox-*.csv"):
        with path.open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                said = SPEECH.read(Path(f"{row['file']}.wav")) if SPEECH.read else ""
                assert not isinstance(said, str), said
                utterances.append(said)
                rows.append([float(row[label]) for label in emotions()])
    odds = np.exp(np.array(rows))
    answers = tuple(emotions()[i] for i in odds.argmax(axis=1))
    return Evaluation(emotions(), tuple(utterances), answers, odds / odds.sum(axis=1, keepdims=True))


def _read(name: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((RECORDS / name).read_text("utf-8"))
    return content


def _purpose(bundled: dict[str, Any]) -> str:
    training = bundled["training"]
    return PURPOSE.format(
        name=NAME,
        parameters=_read(f"compare/{NAME}.json")["parameters"],
        version=json.loads((HERE.parent / "audio_emotion/weights/default/config.json").read_text())["package_version"],
        sha256=bundled["sha256"]["model.safetensors"][:12],
        clips=training["utterances"]["train"],
        actors=len(training["speakers"]["train"]),
    )


def _figures(bundled: dict[str, Any], evaluation: Evaluation) -> Iterator[str]:
    figures = bundled["figures"]
    intervals = evaluation.intervals(np.random.default_rng(0))
    assert intervals is not None
    chosen = _read(f"compare/{NAME}-random-0.json")["figures"]
    yield (
        "## Accuracy on RAVDESS\n\n"
        "UAR is the unweighted mean of the eight recalls; guessing has 12.5 %. The bundled weights were trained on all "
        "available actors, so no actor is left to test them. These figures are of the same recipe on EmoBox folds 1-5: "
        "16 actors train and 4 others are tested, so each seed is tested on each actor once. No epoch was chosen on "
        "test actors. The step between frames was chosen with untrained features of all actors, the averaging of "
        "weights with all actors in nested folds, and the rest of the recipe with eight actors "
        "([experiments](../training/experiments/README.md)).\n\n"
        "| protocol | UAR | accuracy |\n|---|---|---|"
    )
    deviation = "" if figures[_SD] is None else f"; SD {100 * figures[_SD]:.1f}"
    yield (
        f"| speaker-independent, mean of the folds, by seed {figures['UAR by seed']}{deviation} "
        f"| {_percent(figures['UAR'])} | {_percent(figures['accuracy'])} |"
    )
    yield (
        f"| the same, {len(evaluation.utterances):,} predictions pooled, 95 % interval over {intervals.n_speakers} "
        f"actors"
        f" | {_percent(evaluation.uar)} ({_span(intervals.uar)}) "
        f"| {_percent(evaluation.accuracy)} ({_span(intervals.wa)}) |"
    )
    yield (
        f"| random 80/20 split, speaker-dependent: not the accuracy for a new speaker | {_percent(chosen['uar'])} "
        f"| {_percent(chosen['wa'])} |"
    )
    yield from _ten_parts()
    yield ""
    yield (
        f"On average the probabilities are off by {100 * figures[_ECE]:.1f} points (expected calibration error; each "
        f"fold "
        "uses the temperature of the other folds).\n"
    )


_TEN_PARTS = {
    "random-10-fold": "random 10-fold, speaker-dependent, one seed, the recipe without averaged weights",
    "known-speakers": "the same with [a recipe for known speakers](../training/configs/known-speakers.toml)",
}
"""Folders of records with ten folds each, and their names on the card."""


def _ten_parts() -> Iterator[str]:
    """Yield the rows of the random 10-fold splits."""
    for folder, called in _TEN_PARTS.items():
        found = [
            _read(f"{folder}/{path.name}")["figures"] for path in _records(f"{NAME}-random-10-fold-*.json", folder)
        ]
        assert len(found) == 10, folder
        (uar, spread), (accuracy, _) = (_spread([one[name] for one in found]) for name in ("uar", "wa"))
        yield f"| {called}; SD over the folds {100 * spread:.1f} | {_percent(uar)} | {_percent(accuracy)} |"


def _spread(found: list[float]) -> tuple[float, float]:
    """Return the mean and the standard deviation."""
    return float(np.mean(found)), float(np.std(found, ddof=1))


def _records(pattern: str, folder: str = "compare") -> list[Path]:
    return sorted((RECORDS / folder).glob(pattern))


_AMONG = "uar among these labels"
_SD = "UAR's SD over seeds"
_ECE = "ECE with the other folds' temperature"


def _groups(evaluation: Evaluation) -> Iterator[str]:
    yield "### By group\n"
    yield "The predictions of the speaker-independent folds.\n"
    yield from _table(
        "emotion", ((c.label, c.support, c.recall, c.precision) for c in evaluation.per_class()), "precision"
    )
    for attribute in ("sex", "intensity"):
        groups = evaluation.by(attribute)
        yield from _table(attribute, ((g.name, g.n_utterances, g.uar, g.wa) for g in groups), "accuracy", "UAR")
    actors = sorted(evaluation.by("speaker"), key=lambda group: group.uar)
    yield (
        f"The UAR of a single actor ranges from {_percent(actors[0].uar)} to {_percent(actors[-1].uar)} "
        f"(the middle half {_span(np.percentile([a.uar for a in actors], [25, 75]))}). "
        "The most frequent confusions: "
        + ", ".join(
            f"{pair.target} predicted as {pair.answer} ({_percent(pair.share)})" for pair in evaluation.confused()[:4]
        )
        + ".\n"
    )


def _conditions(robust: dict[str, Any]) -> Iterator[str]:
    yield "### Noise, telephone and rooms\n"
    yield (
        f"The same recordings, as recorded and changed ([how](../training/conditions.py)). Each is tested by those "
        f"of the "
        f"{len(robust['models'])} fold models that were not trained on its speaker. `no speech` counts as wrong.\n"
    )
    yield from ("| condition | UAR | women | men | same prediction |", "|---|---|---|---|---|")
    for name, one in robust["mean"].items():
        cells = (_percent(one[column]) for column in ("uar", "female", "male", "same answer"))
        yield f"| {name} | {' | '.join(cells)} |"
    yield ""


def _cost() -> Iterator[str]:
    forms = json.loads((HERE.parent / "benchmarks" / "export.json").read_text("utf-8"))["folds"][0]["forms"]
    whole, integers = (next(form for form in forms if form["kind"] == kind) for kind in ("onnx", "onnx-int8"))
    means = _read("int8.json")["mean UAR"]
    yield (
        "## Speed and size\n\n"
        f"On a CPU the model runs in 8-bit integers: {integers['milliseconds']:.1f} ms for a window of three seconds "
        f"on "
        f"one core, and {integers['size_bytes'] / 1e6:.1f} MB. In 32-bit floats it takes {whole['milliseconds']:.1f} "
        f"ms "
        f"and {whole['size_bytes'] / 1e6:.1f} MB ([all formats](../benchmarks/export.md)). Integers cost some "
        f"accuracy: "
        f"{_percent(means['int8'])} UAR; floats have {_percent(means['fp32'])} (five folds, one seed).\n"
    )


def _table(head: str, rows: Any, last: str, first: str = "recall") -> Iterator[str]:
    yield from (f"| {head} | predictions | {first} | {last} |", "|---|---|---|---|")
    yield from (f"| {name} | {count} | {_percent(one)} | {_percent(other)} |" for name, count, one, other in rows)
    yield ""


def _elsewhere(cross: dict[str, Any], savee: dict[str, Any]) -> Iterator[str]:
    yield (
        "## Accuracy on other corpora\n\n"
        "Corpora that the model was not trained on, all recordings. The first UAR counts a label that the corpus does "
        "not have as wrong. The second restricts the model to the labels of the corpus.\n\n"
        "| corpus | labels | UAR (95 % over speakers) | corpus labels only | guessing | ECE | most frequent labels |\n"
        "|---|---|---|---|---|---|---|"
    )
    for name, title in CORPORA.items():
        found = cross[name]
        most = list(found["answers"].items())[:2]
        told = ", ".join(f"{label} {100 * count / found['utterances']:.0f} %" for label, count in most)
        yield (
            f"| {title} | {len(found['labels'])} | {_percent(found['uar'])} ({_span(found['uar 95 %'])}) "
            f"| {_percent(found['uar among these labels'])} | {_percent(1 / len(found['labels']))} "
            f"| {_percent(found['ece'])} | {told} |"
        )
    yield from _raised(cross)
    yield from _of_savee_itself()
    calm = cross["savee"]["answers"]["calm"] / cross["savee"]["utterances"]
    below = savee["dB below ravdess men, by band in Hz, levels alike"]
    spread = savee["median dB between the softest and the loudest twentieth of frames"]
    asked = savee["answers"]
    yield (
        f"\nOn SAVEE the model is no better than guessing. It predicts `calm`, which SAVEE does not have, for "
        f"{_percent(calm)} of the recordings, and `sad` for more. The recordings sound duller than those of "
        f"RAVDESS's men "
        f"({below['2000-4000']:.0f} dB less from 2 to 4 kHz and {below['4000-7500']:.0f} dB less above, at the same "
        f"level), "
        f"and their pauses are not silent ({spread['savee']:.0f} dB between soft and loud frames; RAVDESS has "
        f"{spread['ravdess men']:.0f} dB). The model takes them for quiet speech. On {savee['clips']} of them the "
        f"UAR with "
        "SAVEE's labels only is "
        + ", ".join(f"{_percent(one['uar among its labels'])} {name}" for name, one in asked.items())
        + ". Wrong labels or loading errors were checked and excluded "
        "([record](../training/records/savee.json)).\n"
    )


def _raised(found: dict[str, Any]) -> Iterator[str]:
    """Yield the figures of the two-channel CNN, trained from scratch, on the same corpora."""
    plain = _read("cross-corpus-two-channel-cnn.json")
    told = (
        f"{title.partition(' ')[0]} {_percent(plain[name]['uar'])} → {_percent(found[name]['uar'])} "
        f"(corpus labels only: {_percent(plain[name][_AMONG])} → {_percent(found[name][_AMONG])})"
        for name, title in CORPORA.items()
    )
    yield (
        "\nFor comparison, from the two-channel CNN, trained from scratch on the same recordings "
        f"([recipe](../training/configs/two-channel-cnn.toml)), to this model: {', '.join(told)}."
    )


def _of_savee_itself() -> Iterator[str]:
    """Yield the accuracy of the recipe when it is trained on SAVEE, leaving out one speaker at a time."""
    found = [json.loads(path.read_text("utf-8")) for path in sorted((RECORDS / "savee-folds").glob(f"{NAME}-*-0.json"))]
    if found:
        uars = [run["figures"]["uar"] for run in found]
        yield (
            "\nThe same recipe trained on SAVEE itself, leaving out one speaker at a time, has "
            f"{_percent(float(np.mean(uars)))} UAR over the 7 labels ({', '.join(f'{100 * uar:.1f}' for uar in uars)})."
        )


def _fine_tuned(tuned: dict[str, Any]) -> Iterator[str]:
    yield (
        "[Fine-tuning](fine-tuning.md) on up to twenty clips per label of two speakers helps. UAR on the other "
        "speakers, "
        "mean of three draws:\n\n"
        "| corpus | as bundled | corpus labels only | fine-tuned |\n|---|---|---|---|"
    )
    columns = ("bundled UAR", "bundled UAR among these labels", "fine-tuned UAR")
    for name in ("emodb", "savee"):
        means = [_percent(float(np.mean([draw[column] for draw in tuned[name]]))) for column in columns]
        yield f"| {CORPORA[name]} | {' | '.join(means)} |"
    yield ""


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _span(ends: Sequence[float]) -> str:
    return f"{100 * ends[0]:.1f} to {100 * ends[1]:.1f} %"


if __name__ == "__main__":
    main()
