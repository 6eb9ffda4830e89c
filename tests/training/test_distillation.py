from dataclasses import replace

import pytest
import torch

from audio_emotion.core.errors import UsageError
from audio_emotion.models import build
from audio_emotion.training import TeachersConfig, TrainConfig, distillation
from audio_emotion.training.config import from_table
from audio_emotion.training.data import Subset
from audio_emotion.training.targets import Targets

CONFIG = TrainConfig(
    seed=7,
    parameters={"hidden": 8},
    teachers=TeachersConfig(count=2, share=0.25, parameters={"channels": (4, 4, 4), "hidden": 16}),
)


def test_a_teacher_has_the_runs_recipe_and_sizes_and_a_seed_of_its_own():
    first, second = distillation.recipes(CONFIG)
    plain = replace(CONFIG, teachers=TeachersConfig(), parameters=CONFIG.teachers.parameters)
    assert first == plain
    assert second == replace(plain, seed=100_007)
    assert distillation.recipes(first) == []


def test_targets_are_the_labels_and_the_mean_of_the_teachers_answers():
    teachers = [build(one.architecture, 3, one.parameters, {}) for one in distillation.recipes(CONFIG)]
    features = torch.randn(2, 2, 64, 60)
    targets = torch.eye(3)[:2]
    answers = distillation.Teachers(teachers, 0.25).answers(features)
    expected = sum(teacher.eval().network(features).softmax(dim=1) for teacher in teachers) / 2
    torch.testing.assert_close(answers, expected.detach())
    assert not answers.requires_grad
    side = Subset([], [0, 1])
    torch.testing.assert_close(Targets(side, 3).blend(targets, answers, 0.25), 0.75 * targets + 0.25 * answers)


@pytest.mark.parametrize(
    ("table", "problem"),
    [
        ({"teachers": {"count": 1, "parameters": {"hiden": 3}}}, "did you mean hidden"),
        ({"teachers": {"share": 2.0}}, "teachers.share is 2.0, expected a number from 0 to 1"),
        ({"teachers": {"count": 1}, "origin": "default"}, "remove one of them"),
    ],
)
def test_what_teachers_cannot_be_is_told(table: dict, problem: str):
    with pytest.raises(UsageError, match=problem):
        from_table(table)
