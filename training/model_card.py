"""Write docs/model-card.md, the bundled model's card at length, from the committed records.

    python training/model_card.py

What stands in the model folder is the card's short form (``audio_emotion/card.py``). The figures come from the test
sides that ``compare.py`` recorded on EmoBox folds 1-5, and from ``bundle.py``, ``robustness.py``, ``int8.py``,
``cross_corpus.py``, ``savee.py``, ``fine_tune.py`` and ``benchmarks/export.py``.
"""

import csv
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from audio_emotion.corpora.ravdess import SPEECH
from audio_emotion.emotions import emotions
from audio_emotion.evaluation import Evaluation

HERE = Path(__file__).parent
RECORDS = HERE / "records"
PAGE = HERE.parent / "docs" / "model-card.md"
NAME = "speech-embedding"
CORPORA = {"tess": "TESS (English, 2 women)", "emodb": "EmoDB (German, 10 speakers)", "savee": "SAVEE (English, 4 men)"}

PURPOSE = """# Model card: the bundled model

Written by [training/model_card.py](../training/model_card.py) from [records](../training/records/) of runs. The
[short form](../audio_emotion/weights/default/README.md) lies in the model folder.

## What it is

`{name}`: a convolutional network of {parameters:,} parameters that reads three seconds of sound as a log-mel
spectrogram of 60 to 3,800 Hz, and gives a probability to each of eight emotions ([architecture](architecture.md)). Its
convolutions began with the weights of Google's speech embedding, a small network that had learnt to tell 5,000 keywords
apart; the first three stayed as they were ([why](decisions/0007-a-pretrained-network.md)). Version {version}, recipe
[speech-embedding.toml](../training/configs/speech-embedding.toml), weights `{sha256}`.

## What it is for, and what not

It shows what such a model does, is a baseline to compare with, and is a start for [a model of one's
own](fine-tuning.md). It may be used for research, teaching and other non-commercial purposes.

It must not be used to judge a person: not in hiring, at work, in class, in court, in health care without a person
qualified for it, and not to find out what somebody feels. It hears how actors play emotions; people show them
differently, or not at all. Regulation (EU) 2024/1689, the AI Act, prohibits systems that infer emotions of people at
the workplace and in education, except for medical or safety reasons (Article 5(1)(f)); elsewhere it counts emotion
recognition as high-risk (Annex III) and has people told that they are exposed to it (Article 50). Other laws, such as
those on biometric data, may apply besides.

## What it was trained on

{clips:,} recordings of RAVDESS speech (Livingstone and Russo 2018), by {actors} of its 24 professional actors, half
of them women, who spoke two sentences in North American English in a studio, each emotion at two intensities (neutral
at one). The recordings are under **CC BY-NC-SA 4.0**, and so are [the weights](../audio_emotion/weights/LICENSE): no
commercial use, attribution, the same licence for what is made from them. Labels are what the actors were asked to
play.

The pretrained network (Lin et al. 2020, arXiv 2002.01322) learnt from recordings of keywords in videos that its authors
do not publish; who speaks in them is not known, and RAVDESS, which was on the web at the time, may by chance be among
them, without its emotions. It is under the Apache License 2.0, in the form in which openWakeWord distributes it under
CC BY-NC-SA 4.0.
"""

LIMITS = """## Limits

- **Acted speech of one studio.** Two sentences, one accent, clean microphones. Spontaneous speech, children, old
  people, illness, other languages and crowds are not in it at all.
- **Calm and neutral** are close in RAVDESS and one thing elsewhere; most corpora have no calm.
- **Loudness is not heard**, only its course in time ([why](decisions/0002-normalisation-within-the-window.md)).
- **Words are not understood**: the two sentences are the same for every emotion.
- **A probability** is the model's certainty on speech like its training data. Elsewhere it is too sure of itself: the
  calibration errors of other corpora stand above.
- **Few speakers.** Differences between groups of a dozen actors say little about people; look at the intervals.
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
        *_fine_tuned(tuned),
        LIMITS,
    ]
    return "\n".join(parts)


def tested() -> Evaluation:
    """Return what the recipe's models said of the folds' test sides, every run together."""
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
        "## How well it hears RAVDESS\n\n"
        "UAR is the unweighted mean of the eight recalls; guessing has 12.5 %. The bundled weights learnt from "
        "everybody, so nobody is left to test them on. These are the figures of the same recipe on EmoBox folds 1-5, "
        "where 16 actors train and 4 others are tested, so that each seed is tested on each actor once. No "
        "epoch was chosen on them; of the recipe, the step between frames was chosen on untrained features of all "
        "actors, the averaging of weights by all of them in nested folds, and the rest by eight of them "
        "([experiments](../training/experiments/README.md)).\n\n"
        "| protocol | UAR | accuracy |\n|---|---|---|"
    )
    deviation = "" if figures[_SD] is None else f"; SD {100 * figures[_SD]:.1f}"
    yield (
        f"| speaker-independent, mean of the folds, by seed {figures['UAR by seed']}{deviation} "
        f"| {_percent(figures['UAR'])} | {_percent(figures['accuracy'])} |"
    )
    yield (
        f"| the same, {len(evaluation.utterances):,} answers together, 95 % interval over {intervals.n_speakers} actors"
        f" | {_percent(evaluation.uar)} ({_span(intervals.uar)}) "
        f"| {_percent(evaluation.accuracy)} ({_span(intervals.wa)}) |"
    )
    yield (
        f"| random 80/20 split, speaker-dependent: not what a new voice would get | {_percent(chosen['uar'])} "
        f"| {_percent(chosen['wa'])} |"
    )
    yield from _ten_parts()
    yield ""
    yield (
        f"The probabilities are off by {100 * figures[_ECE]:.1f} points on the average (expected calibration "
        "error, each fold under the temperature of the others).\n"
    )


_TEN_PARTS = {
    "random-10-fold": "random 10-fold, speaker-dependent, one seed, the recipe before weights were averaged",
    "known-speakers": "the same by [a recipe made for known speakers](../training/configs/known-speakers.toml)",
}
"""Records of ten folds each, with what the card calls them."""


def _ten_parts() -> Iterator[str]:
    """Say what was reached on random 10-fold splits."""
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
    yield "The answers of the speaker-independent folds.\n"
    yield from _table(
        "emotion", ((c.label, c.support, c.recall, c.precision) for c in evaluation.per_class()), "precision"
    )
    for attribute in ("sex", "intensity"):
        groups = evaluation.by(attribute)
        yield from _table(attribute, ((g.name, g.n_utterances, g.uar, g.wa) for g in groups), "accuracy", "UAR")
    actors = sorted(evaluation.by("speaker"), key=lambda group: group.uar)
    yield (
        f"From actor to actor the UAR goes from {_percent(actors[0].uar)} to {_percent(actors[-1].uar)} "
        f"(half of them {_span(np.percentile([a.uar for a in actors], [25, 75]))}). "
        "Taken for another most often: "
        + ", ".join(f"{pair.target} for {pair.answer} ({_percent(pair.share)})" for pair in evaluation.confused()[:4])
        + ".\n"
    )


def _conditions(robust: dict[str, Any]) -> Iterator[str]:
    yield "### When something happens to the sound\n"
    yield (
        f"The same recordings, heard by {len(robust['models'])} of the folds' models that did not know their speakers, "
        "as recorded and changed ([how](../training/conditions.py)); an answer of `no speech` counts as wrong.\n"
    )
    yield from ("| condition | UAR | women | men | same answer |", "|---|---|---|---|---|")
    for name, one in robust["mean"].items():
        cells = (_percent(one[column]) for column in ("uar", "female", "male", "same answer"))
        yield f"| {name} | {' | '.join(cells)} |"
    yield ""


def _cost() -> Iterator[str]:
    forms = json.loads((HERE.parent / "benchmarks" / "export.json").read_text("utf-8"))["folds"][0]["forms"]
    whole, integers = (next(form for form in forms if form["kind"] == kind) for kind in ("onnx", "onnx-int8"))
    means = _read("int8.json")["mean UAR"]
    yield (
        "## What it costs\n\n"
        f"On a CPU it answers in 8-bit integers: {integers['milliseconds']:.1f} ms for a window of three seconds on "
        f"one core, {integers['size_bytes'] / 1e6:.1f} MB; in 32-bit floats {whole['milliseconds']:.1f} ms and "
        f"{whole['size_bytes'] / 1e6:.1f} MB ([forms](../benchmarks/export.md)). Integers cost accuracy: "
        f"{_percent(means['int8'])} UAR where floats have {_percent(means['fp32'])}, five folds of one seed.\n"
    )


def _table(head: str, rows: Any, last: str, first: str = "recall") -> Iterator[str]:
    yield from (f"| {head} | answers | {first} | {last} |", "|---|---|---|---|")
    yield from (f"| {name} | {count} | {_percent(one)} | {_percent(other)} |" for name, count, one, other in rows)
    yield ""


def _elsewhere(cross: dict[str, Any], savee: dict[str, Any]) -> Iterator[str]:
    yield (
        "## How well it hears anything else\n\n"
        "Corpora that it never heard, every recording. The second UAR lets it choose among the corpus's labels alone; "
        "the first counts an answer that the corpus does not have as wrong.\n\n"
        "| corpus | labels | UAR (95 % over speakers) | among its labels | guessing | ECE | answered most |\n"
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
        f"\nSAVEE is no better than guessing: {_percent(calm)} of its recordings are answered `calm`, an emotion that "
        f"it does not have, and more `sad`. "
        f"Its sentences are duller than those of RAVDESS's men (by {below['2000-4000']:.0f} dB from "
        f"2 to 4 kHz, {below['4000-7500']:.0f} dB above, at one level) and their pauses are not silent "
        f"({spread['savee']:.0f} dB between soft and loud frames, in RAVDESS {spread['ravdess men']:.0f} dB): it takes "
        f"them for quiet speech. On {savee['clips']} of them the UAR among its labels is "
        + ", ".join(f"{_percent(one['uar among its labels'])} {name}" for name, one in asked.items())
        + ". Labels and loading were checked and are not the reason "
        "([record](../training/records/savee.json)).\n"
    )


def _raised(found: dict[str, Any]) -> Iterator[str]:
    """Say what the network from new has on the same corpora."""
    plain = _read("cross-corpus-two-channel-cnn.json")
    told = (
        f"{title.partition(' ')[0]} {_percent(plain[name]['uar'])} → {_percent(found[name]['uar'])} "
        f"(among its labels {_percent(plain[name][_AMONG])} → {_percent(found[name][_AMONG])})"
        for name, title in CORPORA.items()
    )
    yield (
        "\nThe two-channel CNN, trained from new on the same recordings "
        f"([recipe](../training/configs/two-channel-cnn.toml)), for comparison, from that to this: {', '.join(told)}."
    )


def _of_savee_itself() -> Iterator[str]:
    """Say what the recipe reaches where it is trained on SAVEE, one speaker left out at a time."""
    found = [json.loads(path.read_text("utf-8")) for path in sorted((RECORDS / "savee-folds").glob(f"{NAME}-*-0.json"))]
    if found:
        uars = [run["figures"]["uar"] for run in found]
        yield (
            "\nThe same recipe trained on SAVEE itself, one speaker left out at a time, has "
            f"{_percent(float(np.mean(uars)))} UAR over its 7 labels ({', '.join(f'{100 * uar:.1f}' for uar in uars)})."
        )


def _fine_tuned(tuned: dict[str, Any]) -> Iterator[str]:
    yield (
        "With up to twenty clips a label of two speakers it learns ([fine-tuning](fine-tuning.md)). UAR on the other "
        "speakers, mean of three draws:\n\n"
        "| corpus | as bundled | among its labels | fine-tuned |\n|---|---|---|---|"
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
