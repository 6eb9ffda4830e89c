"""What a run would be, before it is begun."""

from dataclasses import dataclass

from audio_emotion.corpora.splits import Split
from audio_emotion.fitting import TrainConfig, teaching
from audio_emotion.fitting.cost import Cost, measure
from audio_emotion.runtime import choose_device
from audio_emotion.training.material import Material


@dataclass(frozen=True)
class Estimate:
    """What a run would be: who is on each side, its cost, and that of each of its teachers, if it has any."""

    split: Split
    config: TrainConfig
    cost: Cost
    of_teacher: Cost | None = None

    def lines(self) -> list[str]:
        """Return it in words."""
        cost, epochs = self.cost, self.config.epochs
        sides = [
            f"{side}: {self.split.sizes[side]} utterances of {len(speakers)} speaker(s)"
            + (f": {', '.join(speakers)}" if speakers else "")
            for side, speakers in self.split.speakers.items()
        ]
        return [
            f"split {self.split.name}",
            *sides,
            f"{cost.parameters:,} parameters; {cost.steps_per_epoch} steps an epoch, {cost.steps_per_epoch * epochs} "
            f"in at most {epochs} epochs",
            *([f"{cost.preparing_s:.3g} s for features before the first epoch"] if cost.preparing_s >= 10 else []),
            f"about {cost.seconds_per_step * cost.steps_per_epoch:.3g} s an epoch, "
            f"{cost.seconds_per_step * cost.steps_per_epoch * epochs / 60:.3g} min in all, validation not counted "
            f"({1000 * cost.seconds_per_step:.3g} ms a step, measured on {cost.measured_steps})",
            *self._before(),
        ]

    def _before(self) -> list[str]:
        """Return in words what comes before the run."""
        if not (cost := self.of_teacher):
            return []
        minutes = cost.seconds_per_step * cost.steps_per_epoch * self.config.epochs / 60
        return [
            f"before that {self.config.teachers.count} teacher(s) of {cost.parameters:,} parameters, {minutes:.3g} min "
            "each; a step takes their answers' time more than was measured"
        ]


def estimate(material: Material, split: Split, config: TrainConfig, device: str = "auto") -> Estimate:
    """Say what a run is made of and, from a few of its steps, what it would cost."""
    side, n_labels = material.side(split.train), len(material.labels.labels)
    device, teachers = choose_device(device), teaching.recipes(config)
    of_teacher = measure(side, n_labels, teachers[0], device) if teachers else None
    return Estimate(split, config, measure(side, n_labels, config, device), of_teacher)
