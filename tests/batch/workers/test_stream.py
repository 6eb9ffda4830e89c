import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from audio_emotion.batch.workers import Failure, Limits, Reader, WindowBatch, WorkerPool, WorkerStream
from audio_emotion.core.errors import AudioEmotionError, UsageError
from tests.conftest import ROOT

GOOD = [str(n) for n in range(1, 7)]
READER = Reader("tests.poison:read", {})


def write(folder: Path, words: list[str]) -> list[str]:
    paths = [folder / f"{number:03}" for number in range(len(words))]
    for path, word in zip(paths, words, strict=True):
        path.write_text(word, "utf-8")
    return [str(path) for path in paths]


def collect(
    paths: list[str], reader: Reader = READER, jobs: int = 2, limits: Limits | None = None
) -> tuple[dict[int, list[WindowBatch]], dict[int, Failure]]:
    """Run a pool to its end: the windows and the failures of each item."""
    heard: dict[int, list[WindowBatch]] = {}
    failures: dict[int, Failure] = {}
    with WorkerPool(reader, jobs, limits or Limits()) as pool, WorkerStream(paths, pool) as stream:
        for events in stream:
            for event in events:
                if isinstance(event, Failure):
                    assert event.item not in failures
                    failures[event.item] = event
                else:
                    heard.setdefault(event.item, []).append(event)
    return heard, failures


@pytest.mark.parametrize(
    ("poison", "kind", "words"),
    [
        ("hang", "time", "1 s for each hour"),
        ("spin", "time", "raise the limit"),
        ("abort", "crash", "its decoder"),
        ("segfault", "crash", "its decoder"),
        ("exit", "crash", "exit code 3"),
        ("leave", "error", "SystemExit"),
        ("raise", "decode", "not a sound at all"),
        ("bug", "error", "ZeroDivisionError: division by zero"),
        ("empty", "error", "gave nothing"),
        ("endless", "limit", "longer than the 500 s allowed"),
    ],
)
def test_a_poisoned_file_is_named_and_costs_no_other(tmp_path: Path, poison: str, kind: str, words: str):
    paths = write(tmp_path, [*GOOD[:3], poison, *GOOD[3:]])
    heard, failures = collect(paths, limits=Limits(decode_s=1.0, duration_s=500))
    assert {item: failure.kind for item, failure in failures.items()} == {3: kind}
    assert words in failures[3].reason
    assert "\n" not in failures[3].reason
    good = {item: float(parts[0].windows[0, 0]) for item, parts in heard.items() if item != 3}
    assert good == {0: 1, 1: 2, 2: 3, 4: 4, 5: 5, 6: 6}
    assert all(len(parts) == 1 and parts[0].last for item, parts in heard.items() if item != 3)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux holds a process to its memory")
def test_a_file_that_takes_memory_without_end_is_stopped(tmp_path: Path):
    paths = write(tmp_path, ["1", "allocate", "2", "3"])
    heard, failures = collect(paths, limits=Limits(memory_bytes=2**28))
    assert {item: failure.kind for item, failure in failures.items()} == {1: "memory"}
    assert sorted(heard) == [0, 2, 3]


def test_a_worker_that_dies_after_some_windows_fails_its_file_once(tmp_path: Path):
    paths = write(tmp_path, ["1", "late", "2"])
    heard, failures = collect(paths, jobs=1)
    assert failures[1].kind == "crash"
    numbers = [float(part.windows[0, 0]) for part in heard[1]]
    assert numbers == sorted(set(numbers)), "windows that were already passed on do not come again"
    assert numbers
    assert not any(part.last for part in heard[1])
    assert sorted(heard) == [0, 1, 2]


def test_a_file_that_follows_a_trap_gets_a_second_chance(tmp_path: Path):
    heard, failures = collect(write(tmp_path, ["mine", "7", "8"]), jobs=1)
    assert not failures
    assert [float(heard[item][0].windows[0, 0]) for item in (1, 2)] == [7, 8]


def test_what_decoders_print_does_not_disturb(tmp_path: Path):
    heard, failures = collect(write(tmp_path, ["print 5", "6"]), jobs=1)
    assert not failures
    assert [float(heard[item][0].windows[0, 0]) for item in (0, 1)] == [5, 6]


def test_long_recordings_come_in_order_and_whole(tmp_path: Path):
    paths = write(tmp_path, ["", ""])
    heard, failures = collect(paths, Reader("tests.poison:windows", {"n_windows": 1_000, "in_a_part": 7}))
    assert not failures
    for item in (0, 1):
        numbers = np.concatenate([part.windows[:, 0] for part in heard[item]])
        assert numbers.tolist() == list(range(1_000))
        assert [part.note["first"] for part in heard[item]] == list(range(0, 1_000, 7))
        assert [part.last for part in heard[item]] == [False] * 142 + [True]


def test_workers_wait_while_the_model_is_busy(tmp_path: Path):
    paths = write(tmp_path, [""])
    reader = Reader("tests.poison:windows", {"n_windows": 5_000, "in_a_part": 10})
    with WorkerPool(reader, 1, Limits()) as pool, WorkerStream(paths, pool) as stream:
        batches = iter(stream)
        next(batches)
        time.sleep(1)
        assert sum(len(event.windows) for event in next(batches)) < 200


@pytest.mark.skipif(sys.platform == "win32", reason="has neither pipes nor devices among its files")
@pytest.mark.parametrize("what", ["fifo", "zero", "folder", "none", "loop"])
def test_what_is_no_file_is_not_opened(tmp_path: Path, what: str):
    path = {"zero": Path("/dev/zero"), "folder": tmp_path, "none": tmp_path / "none"}.get(what, tmp_path / what)
    if what == "fifo":
        os.mkfifo(path)
    if what == "loop":
        path.symlink_to(path)
    _, failures = collect([str(path)])
    assert failures[0].kind == ("missing" if what == "none" else "unreadable")
    assert str(path) in failures[0].reason


def test_a_file_over_the_size_limit_is_not_opened(tmp_path: Path):
    _, failures = collect(write(tmp_path, ["1" * 1_001]), limits=Limits(size_bytes=1_000))
    assert (failures[0].kind, "1001 bytes" in failures[0].reason) == ("limit", True)


@pytest.mark.skipif(sys.platform == "win32", reason="names there are not bytes")
def test_names_keep_their_bytes(tmp_path: Path):
    path = os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9\n.wav")
    Path(path).write_text("9")
    heard, failures = collect([path])
    assert not failures
    assert float(heard[0][0].windows[0, 0]) == 9


@pytest.mark.skipif(sys.platform == "win32", reason="names there are not bytes")
def test_odd_names_are_shown_on_one_line(tmp_path: Path):
    words = ["missing", "abort", "bug", "empty", "hang", "raise"]
    paths = [os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9\n" + word.encode()) for word in words]
    for path, word in zip(paths[1:], words[1:], strict=True):
        Path(path).write_text(word)
    _, failures = collect(paths, limits=Limits(decode_s=1.0))
    assert len(failures) == len(words)
    for item in range(len(words) - 1):  # the last one's message is the reader's own
        assert failures[item].reason.startswith(f"{tmp_path}/caf\\xe9\\n{words[item]}: ")
        assert failures[item].reason.isprintable()


@pytest.mark.parametrize("reader", ["tests.nowhere:read", "tests.poison:nothing", "nonsense"])
def test_a_reader_that_is_not_there_is_one_error(tmp_path: Path, reader: str):
    with pytest.raises(AudioEmotionError, match="a decode worker cannot start: "):
        collect(write(tmp_path, GOOD), Reader(reader, {}))


def test_limits_are_more_than_nothing():
    with pytest.raises(UsageError, match="decode_s is 0"):
        Limits(decode_s=0)


def test_leaving_early_ends_the_workers(tmp_path: Path):
    begun = time.monotonic()
    pool = WorkerPool(READER, 2, Limits())
    with WorkerStream(write(tmp_path, ["hang", "hang"]), pool) as stream:
        next(iter(stream))
        children = list(pool._workers)
    pool.close()
    assert len(children) == 2
    assert time.monotonic() - begun < 10
    assert all(child._process.poll() is not None for child in children)


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_no_worker_outlives_a_killed_parent(tmp_path: Path):
    paths = write(tmp_path, ["hang", "hang"])
    program = (
        "import json, sys\n"
        "from audio_emotion.batch.workers import Limits, Reader, WorkerPool, WorkerStream\n"
        "pool = WorkerPool(Reader('tests.poison:read', {}), 2, Limits())\n"
        "with WorkerStream(json.loads(sys.argv[1]), pool) as stream:\n"
        "    for events in stream:\n"
        "        print(*[child._process.pid for child in pool._workers], flush=True)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", program, json.dumps(paths)], cwd=ROOT, stdout=subprocess.PIPE)
    while len(workers := parent.stdout.readline().split()) < 2:
        assert parent.poll() is None, "it ended before both workers had started"
    time.sleep(0.5)
    parent.kill()
    parent.wait()
    parent.stdout.close()
    deadline = time.monotonic() + 10
    while any(_alive(int(pid)) for pid in workers):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def test_a_worker_loads_neither_torch_nor_a_model():
    program = "import audio_emotion.batch.workers.main, audio_emotion.batch.readers, sys; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert not {"torch", "librosa", "sklearn", "scipy", "onnxruntime", "matplotlib"} & set(loaded.stdout.split())


def test_idle_workers_serve_the_next_stream_and_are_not_blamed_for_the_one_before(tmp_path: Path):
    with WorkerPool(READER, 1, Limits()) as pool:
        known = set()
        for words in (["1", "2"], ["3"], ["mine", "4"]):
            with WorkerStream(write(tmp_path, words), pool) as stream:
                events = [event for events in stream for event in events]
            assert [type(event) for event in events] == [WindowBatch] * len(words)
            known |= set(pool._workers)
        assert len(known) == 2, "only the worker that ended is replaced"
        with WorkerStream(write(tmp_path, ["raise", "abort"]), pool) as stream:
            assert [event.kind for events in stream for event in events] == ["decode", "crash"]
        assert not pool._workers, "a worker that ended is not kept"


def test_a_stream_that_is_left_early_ends_its_pool(tmp_path: Path):
    with WorkerPool(READER, 1, Limits()) as pool:
        with WorkerStream(write(tmp_path, ["hang"]), pool):
            pass
        with (
            pytest.raises(AudioEmotionError, match="were stopped"),
            WorkerStream(write(tmp_path, ["2"]), pool) as stream,
        ):
            list(stream)
