import json
from pathlib import Path

import numpy as np
import pytest

from audio_emotion.batch.workers import Limits
from audio_emotion.core import paths
from audio_emotion.core.errors import AudioEmotionError
from audio_emotion.inference.config import TimelineConfig
from audio_emotion.models import checkpoint
from audio_emotion.training import TrainConfig
from audio_emotion.training.config import from_table
from audio_emotion.training.tuning.space import space_of
from audio_emotion.web.settings import ServeConfig


def described(folder: Path, **changes: object) -> None:
    content = json.loads((paths.bundled_model_dir() / checkpoint.CONFIG).read_text("utf-8"))
    (folder / checkpoint.CONFIG).write_text(json.dumps(content | changes))
    checkpoint.read_config(folder)


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (lambda _: TimelineConfig(hop_s=700), "hop_s is 700, expected a number from 0.01 to 600 s"),
        (lambda _: TimelineConfig(smooth="mean"), "smooth is 'mean', expected one of median, viterbi"),
        (lambda _: TimelineConfig(min_confidence=float("nan")), "min_confidence is nan, expected a number from 0 to 1"),
        (lambda _: Limits(decode_s=0), "decode_s is 0, expected a number above 0 s"),
        (lambda _: Limits(size_bytes=2.5), "size_bytes is 2.5, expected a whole number above 0 bytes"),
        (lambda _: ServeConfig(max_queue=-1), "max_queue is -1, expected a whole number of 0 or more"),
        (lambda _: from_table({"epochs": 2.5}), "epochs is 2.5, expected a whole number from 1 to 100000"),
        (lambda _: TrainConfig(precision="fp8"), "precision is 'fp8', expected one of auto, fp32, bf16, fp16"),
        (lambda _: from_table({"optimiser": {}}), "optimiser is unknown; did you mean optimizer?"),
        (
            lambda _: from_table({"augment": {"codec": {"kinds": ["mp4"]}}}),
            "augment.codec.kinds is ['mp4'], expected some of mp3, opus, mu-law",
        ),
        (lambda _: space_of({"search": {"ema": {"low": 0}}}), "search.ema.high is missing"),
        (lambda folder: described(folder, temperature=0), "temperature is 0, expected a number above 0"),
        (lambda folder: described(folder, temprature=1), "temprature is unknown; did you mean temperature?"),
        (lambda folder: described(folder, labels="x" * 999), f"labels is '{119 * 'x'}..., expected a list of texts"),
    ],
)
def test_all_settings_have_the_same_messages(tmp_path: Path, make, problem: str):
    with pytest.raises(AudioEmotionError) as error:
        make(tmp_path)
    assert problem in str(error.value)


def test_every_problem_is_one_message():
    with pytest.raises(AudioEmotionError, match=r"hop_s is 0, .*; min_confidence is 2, "):
        TimelineConfig(hop_s=0, min_confidence=2)


def test_numbers_of_numpy_are_numbers():
    assert TimelineConfig(hop_s=np.float32(0.5), window_s=np.int64(3)).hop_s == 0.5


def test_no_limit_is_a_limit():
    assert Limits(duration_s=float("inf")).duration_s == float("inf")
