import threading
import time
from pathlib import Path

import numpy as np
import pytest

from audio_emotion.batch.workers import Failure, Limits, Reader, WindowBatch, WorkerPool
from audio_emotion.core.errors import AudioEmotionError


@pytest.fixture(scope="module")
def crew():
    crew = WorkerPool(Reader("tests.poison:read", {"window_samples": 4}), 2, Limits(decode_s=1.0, duration_s=50))
    crew.start()
    yield crew
    crew.close()


def file(folder: Path, content: str) -> str:
    path = folder / f"{content.replace(' ', '-')}.txt"
    path.write_text(content)
    return str(path)


def test_each_recording_has_its_own_settings(crew, tmp_path):
    path = file(tmp_path, "7")
    for n in (3, 5):
        (event,) = crew.read(path, {"window_samples": n})
        assert isinstance(event, WindowBatch)
        np.testing.assert_array_equal(event.windows, np.full((1, n), 7, np.float32))


@pytest.mark.parametrize(
    ("content", "kind"), [("abort", "crash"), ("hang", "time"), ("raise", "decode"), ("endless", "limit")]
)
def test_a_poisoned_recording_costs_no_other(crew, tmp_path, content, kind):
    *_, event = crew.read(file(tmp_path, content), {})
    assert isinstance(event, Failure)
    assert event.kind == kind
    (event,) = crew.read(file(tmp_path, "1"), {})
    assert isinstance(event, WindowBatch)


def test_a_recording_is_not_blamed_for_the_one_before_it(crew, tmp_path):
    for content in ("mine", "mine", "1", "2"):
        (event,) = crew.read(file(tmp_path, content), {})
        assert isinstance(event, WindowBatch), content


def test_what_is_left_unread_does_not_reach_the_next(crew, tmp_path):
    for _ in range(2):
        events = crew.read(file(tmp_path, "endless"), {})
        next(events)
        events.close()
    (event,) = crew.read(file(tmp_path, "4"), {})
    assert event.windows[0, 0] == 4


def test_a_third_waits_for_one_of_two_workers(crew, tmp_path):
    held = [crew.read(file(tmp_path, "late"), {}) for _ in range(2)]
    for events in held:
        next(events)
    heard = []
    third = threading.Thread(target=lambda: heard.extend(crew.read(file(tmp_path, "9"), {})))
    third.start()
    time.sleep(0.1)
    assert not heard
    held[0].close()
    third.join(10)
    assert heard[0].windows[0, 0] == 9
    held[1].close()


def test_workers_that_cannot_start_do_not_add_up(tmp_path):
    crew = WorkerPool(Reader("tests.nowhere:read", {}), 1, Limits())
    for ask in (crew.start, lambda: list(crew.read(file(tmp_path, "1"), {}))):
        with pytest.raises(AudioEmotionError, match="a decode worker cannot start: "):
            ask()
        assert not crew._workers
    crew.close()
