"""How well a model does on labelled utterances."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from audio_emotion.corpora.base import Utterance
from audio_emotion.errors import AudioError
from audio_emotion.prediction import Model
from audio_emotion.records import FloatArray


@dataclass(frozen=True)
class Evaluation:
    """Targets and answers, utterance by utterance.

    Attributes:
        labels: the model's labels, in order.
        targets: what each utterance is.
        answers: what the model said, ``no speech`` included, which is wrong wherever it stands.
    """

    labels: tuple[str, ...]
    targets: tuple[str, ...]
    answers: tuple[str, ...]

    @property
    def uar(self) -> float:
        """Unweighted average recall: the mean of the recalls of all labels that occur, 0 to 1."""
        return uar(self.targets, self.answers)

    @property
    def accuracy(self) -> float:
        """Share of utterances answered rightly (weighted accuracy, WA), 0 to 1."""
        return float(np.mean(np.array(self.targets) == np.array(self.answers)))

    def table(self) -> str:
        """Return precision, recall, F1 and support of each label, as text."""
        from sklearn.metrics import classification_report

        present = [label for label in self.labels if label in self.targets]
        return str(classification_report(self.targets, self.answers, labels=present, zero_division=0.0))


def uar(targets: Sequence[str] | Sequence[int], answers: Sequence[str] | Sequence[int]) -> float:
    """Return the unweighted average recall of ``answers``, 0 to 1."""
    from sklearn.metrics import recall_score

    return float(recall_score(targets, answers, labels=list(set(targets)), average="macro", zero_division=0.0))


def evaluate_utterances(
    model: Model, utterances: Sequence[Utterance], advance: Callable[[], None] = lambda: None
) -> Evaluation:
    """Ask ``model`` about every utterance, one file at a time, as ``infer`` does; an unreadable file is wrong."""
    answers = []
    for utterance in utterances:
        try:
            answers.append(model.predict(utterance.path).label)
        except AudioError:
            answers.append("unreadable")
        advance()
    return Evaluation(model.config.labels, tuple(u.label for u in utterances), tuple(answers))


def fit_temperature(logits: FloatArray, targets: Sequence[int]) -> float:
    """Return the temperature, 0.1 to 10, that makes ``logits`` (n, n_labels) likeliest (Guo et al. 2017)."""
    from scipy.optimize import minimize_scalar
    from scipy.special import log_softmax

    rows = np.arange(len(targets))

    def negative_log_likelihood(log_temperature: float) -> float:
        return -float(log_softmax(logits / np.exp(log_temperature), axis=1)[rows, list(targets)].mean())

    return float(np.exp(minimize_scalar(negative_log_likelihood, bounds=(np.log(0.1), np.log(10)), method="bounded").x))
