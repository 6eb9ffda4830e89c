"""Results for people to read."""

from collections.abc import Mapping

from audio_emotion.core.emotions import NO_SPEECH
from audio_emotion.core.paths import display_path
from audio_emotion.core.types import Prediction
from audio_emotion.formats.conversation import summarize, text_summary
from audio_emotion.formats.result import Result, Source, shares
from audio_emotion.formats.writer import Writer, clock, words_with_speaker


def text(prediction: Prediction, top_k: int | None = None) -> str:
    """Return a prediction as lines: the label with its confidence, then each label's probability.

    With ``top_k`` only that many probabilities are listed, the largest first. ``unknown`` is not one of the model's
    labels, so it has no confidence.
    """
    channel = "" if prediction.channel is None else f"Channel {prediction.channel}\n"
    if prediction.label == NO_SPEECH:
        return f"{channel}Predicted emotion: no speech\n"
    confidence = f" with {100 * prediction.score:.2f}% confidence" if prediction.label in prediction.scores else ""
    best = _best(prediction.scores, top_k)
    heading = "All emotion probabilities:" if len(best) == len(prediction.scores) else f"Top {len(best)} emotions:"
    lines = [
        f"Predicted emotion: {prediction.label}{confidence}",
        "",
        heading,
        *(f"{label}: {100 * score:.2f}%" for label, score in best.items()),
    ]
    if prediction.n_windows > 1:
        lines.insert(1, f"(mean over {prediction.n_windows} windows that hold speech)")
    return channel + "\n".join(lines) + "\n"


def _best(scores: Mapping[str, float], top_k: int | None) -> dict[str, float]:
    """Return the ``top_k`` largest scores, the largest first; without ``top_k`` all, in label order."""
    if top_k is None:
        return dict(scores)
    return dict(sorted(scores.items(), key=lambda entry: -entry[1])[:top_k])


class TextWriter(Writer):
    """The label with its confidence and all probabilities; a timeline is a line for each segment, and a summary."""

    suffix = ".txt"
    _started = False

    def begin(self, source: Source) -> str:
        gap = "\n" if self._started else ""
        self._started = True
        return f"{gap}{display_path(source.file)}\n" if self.many else gap

    def segment(self, source: Source, prediction: Prediction) -> str:
        channel = "" if prediction.channel is None else f"[{prediction.channel}] "
        words = words_with_speaker(prediction)
        behind = f"  {display_path(words)}\n" if words else "\n"
        when = f"{channel}{clock(prediction.start)} - {clock(prediction.end)}  {prediction.label}"
        if prediction.label == NO_SPEECH:
            return f"{when}{behind}"
        if self.top_k is not None or prediction.label not in prediction.scores:
            best = _best(prediction.scores, self.top_k or 1)
            return f"{when}  ({', '.join(f'{label} {100 * score:.2f}%' for label, score in best.items())}){behind}"
        return f"{when} {100 * prediction.score:.2f}%{behind}"

    def end(self, result: Result) -> str:
        if not result.segments:
            return ""
        parts = ", ".join(f"{label} {100 * share:.1f}%" for label, share in shares(result.segments).items())
        return f"\nShare of time: {parts}\n{display_lines(text_summary(summarize(result.segments)))}"

    def result(self, result: Result) -> str:
        if result.segments is None:
            return self.begin(result.source) + text(result.prediction, self.top_k)
        return super().result(result)


def display_lines(lines: str) -> str:
    """Return lines whose characters can all be printed."""
    return "".join(f"{display_path(line)}\n" for line in lines.splitlines())
