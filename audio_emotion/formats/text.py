"""Answers for people to read."""

from collections.abc import Mapping

from audio_emotion.core.emotions import NO_SPEECH
from audio_emotion.core.paths import display_path
from audio_emotion.core.types import Prediction
from audio_emotion.formats.result import Result, Source, shares
from audio_emotion.formats.writer import Writer, clock


def text(prediction: Prediction, top_k: int | None = None) -> str:
    """Return a prediction as lines: the answer with its confidence, then each label's probability.

    With ``top_k`` only so many probabilities are listed, the largest first. An answer that is none of the labels
    (``unknown``) has no confidence of its own.
    """
    channel = "" if prediction.channel is None else f"Channel {prediction.channel}\n"
    if prediction.label == NO_SPEECH:
        return f"{channel}Predicted emotion: no speech\n"
    sure = f" with {100 * prediction.score:.2f}% confidence" if prediction.label in prediction.scores else ""
    best = _best(prediction.scores, top_k)
    heading = "All emotion probabilities:" if len(best) == len(prediction.scores) else f"Top {len(best)} emotions:"
    lines = [
        f"Predicted emotion: {prediction.label}{sure}",
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
    """The answer with its confidence and all probabilities; a timeline is a line a segment, and a summary."""

    suffix = ".txt"
    _started = False

    def begin(self, source: Source) -> str:
        gap = "\n" if self._started else ""
        self._started = True
        return f"{gap}{display_path(source.file)}\n" if self.many else gap

    def segment(self, source: Source, said: Prediction) -> str:
        channel = "" if said.channel is None else f"[{said.channel}] "
        when = f"{channel}{clock(said.start)} - {clock(said.end)}  {said.label}"
        if said.label == NO_SPEECH:
            return f"{when}\n"
        if self.top_k is not None or said.label not in said.scores:
            best = _best(said.scores, self.top_k or 1)
            return f"{when}  ({', '.join(f'{label} {100 * score:.2f}%' for label, score in best.items())})\n"
        return f"{when} {100 * said.score:.2f}%\n"

    def end(self, answer: Result) -> str:
        if not answer.segments:
            return ""
        parts = ", ".join(f"{label} {100 * share:.1f}%" for label, share in shares(answer.segments).items())
        return f"\nShare of time: {parts}\n"

    def answer(self, answer: Result) -> str:
        if answer.segments is None:
            return self.begin(answer.source) + text(answer.prediction, self.top_k)
        return super().answer(answer)
