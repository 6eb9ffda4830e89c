"""Archives on Ray: two nodes on this machine, one of them lost; a driver that is killed; an object store."""

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import soundfile
from pyarrow import parquet
from pyarrow.fs import FileSystem

from audio_emotion import load_model
from audio_emotion.batch.cluster import engine
from audio_emotion.batch.cluster.actor import Job
from audio_emotion.batch.cluster.store import ANSWERS, Store
from audio_emotion.batch.run import Progress
from audio_emotion.batch.scoring import Scored, score
from audio_emotion.batch.workers import Failure
from audio_emotion.core.emotions import NO_SPEECH
from audio_emotion.core.errors import DeviceError, UsageError
from audio_emotion.inference.config import TimelineConfig
from tests.conftest import ROOT
from tests.sounds import RATE, voice

pytestmark = pytest.mark.slow  # a cluster takes some ten seconds to start
N_FILES = 48
TOLERANCE = 1e-5  # of a probability: a network's last bits depend on how many windows it is given at once


@pytest.fixture(scope="module")
def cluster() -> Iterator["Cluster"]:  # noqa: F821
    import ray
    from ray.cluster_utils import Cluster

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(ROOT))
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patch.setenv("AWS_ACCESS_KEY_ID", "nobody")  # of nodes and test alike
        patch.setenv("AWS_SECRET_ACCESS_KEY", "nothing")
        patch.setenv("RAY_worker_niceness", "0")  # else, on a machine that has other work, they get none
        patch.setenv("RAY_health_check_period_ms", "500")
        patch.setenv("RAY_health_check_failure_threshold", "2")
        nodes = Cluster(initialize_head=True, head_node_args={"num_cpus": 2, "include_dashboard": False})
        try:
            ray.init(address=nodes.address, log_to_driver=False, logging_level="error")
            yield nodes
        finally:
            ray.shutdown()
            nodes.shutdown()


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of short voices, one of five seconds, and a file that is no sound."""
    folder = tmp_path_factory.mktemp("archive")
    for number in range(N_FILES - 2):
        soundfile.write(folder / f"{number:03}.wav", voice(1.0, seed=number), RATE)
    soundfile.write(folder / "five seconds, 100%.wav", voice(5.0, seed=99), RATE)
    (folder / "bad.wav").write_text("no sound")
    return folder


def rows(folder: Path, kind: str = "answers") -> list[dict]:
    return [
        row for path in sorted((folder / kind).glob("part-*.parquet")) for row in parquet.read_table(path).to_pylist()
    ]


def n_finished(folder: Path) -> int:
    return len(list((folder / "answers").glob("part-*.parquet")))


def wait_for(true: Callable[[], bool]) -> None:
    end = time.monotonic() + 120
    while not true():
        assert time.monotonic() < end, "it takes too long"
        time.sleep(0.02)


def files(archive: Path) -> Counter[str]:
    return Counter(str(path) for path in archive.iterdir() if path.name != "bad.wav")


def as_rows(answers: list[Scored | Failure]) -> list[dict]:
    said = [one.answer for one in answers if isinstance(one, Scored)]
    found = [(answer.source.file, part) for answer in said for part in answer.rows]
    return sorted(
        (
            {"file": f, "start": p.start, "end": p.end, "emotion": p.label}
            | {  # a table's numbers are absent where nobody speaks
                name: None if p.label == NO_SPEECH else value
                for name, value in {"confidence": p.score, **p.scores}.items()
            }
            for f, p in found
        ),
        key=lambda row: (row["file"], row["start"]),
    )


@pytest.mark.parametrize("along_time", [False, True])
def test_its_answers_are_those_of_a_batch_on_this_machine(cluster, archive: Path, tmp_path: Path, along_time: bool):
    job = Job(str(tmp_path / "out"), timeline=TimelineConfig(hop_s=0.5), along_time=along_time)
    result = engine.run([str(archive)], job, size=16)
    assert (result.done, result.skipped, [one.kind for one in result.failed]) == (N_FILES - 1, 0, ["decode"])
    alone = as_rows(list(score(sorted(map(str, archive.iterdir())), load_model(device="cpu"), job.answer())))
    together = sorted(rows(tmp_path / "out"), key=lambda row: (row["file"], row["start"]))
    assert len(together) == len(alone) >= N_FILES - 1
    for ours, theirs in zip(together, alone, strict=True):
        ours |= {bound: ours[bound].total_seconds() for bound in ("start", "end")}
        assert (ours.pop("file"), ours.pop("emotion")) == (theirs.pop("file"), theirs.pop("emotion"))
        assert ours == pytest.approx(theirs, abs=TOLERANCE)
    assert [row["file"] for row in rows(tmp_path / "out", "failures")] == [str(archive / "bad.wav")]


def test_what_is_finished_stays_and_what_failed_in_passing_is_tried_again(cluster, archive: Path, tmp_path: Path):
    out, listed = tmp_path / "out", tmp_path / "list.csv"
    for path in [*sorted(archive.iterdir())[:7], archive / "bad.wav"]:
        (tmp_path / path.name).symlink_to(path)
    listed.write_text("file\nlate.wav\nbad.wav\n" + "".join(f"{n:03}.wav\n" for n in range(7)))
    job = Job(str(out))
    first = engine.run([str(listed)], job, size=4)
    assert (first.done, sorted(one.kind for one in first.failed)) == (7, ["decode", "missing"])
    before = {path: path.stat().st_mtime_ns for path in (out / "answers").iterdir()}
    (tmp_path / "late.wav").symlink_to(archive / "021.wav")
    second = engine.run([str(listed)], job, size=4)
    assert (second.done, second.skipped, [one.kind for one in second.failed]) == (1, 7, ["decode"])
    assert sum(path.stat().st_mtime_ns != then for path, then in before.items()) == 1
    assert Counter(Path(row["file"]).name for row in rows(out)) == Counter(
        [*(f"{n:03}.wav" for n in range(7)), "late.wav"]
    )
    with pytest.raises(UsageError, match=r"kind of answer is 'timeline' \(was 'whole'\)"):
        engine.run([str(listed)], Job(str(out), along_time=True), size=4)
    with pytest.raises(UsageError, match=r"partition is 8 \(was 4\)"):
        engine.run([str(listed)], job, size=8)
    with pytest.raises(DeviceError, match="no node of the cluster has 100 CPU"):
        engine.run([str(listed)], Job(str(tmp_path / "other"), jobs=99), size=4)


def test_of_two_nodes_that_share_the_work_one_is_lost_and_nothing_with_it(cluster, archive: Path, tmp_path: Path):
    node = cluster.add_node(num_cpus=2)
    cluster.wait_for_nodes()
    store = Store(str(tmp_path / "out"))
    lost: list[int] = []

    def lose(progress: Progress) -> None:
        if not lost and len(shares(store)) == 2:
            lost.append(progress.done)
            cluster.remove_node(node, allow_graceful=False)

    result = engine.run([str(archive)], Job(store.folder), size=2, progress=lose)
    assert lost, "one node did all the work"
    assert lost[0] < N_FILES - 4, "it was lost when all was done"
    assert (result.done, len(result.failed)) == (N_FILES - 1, 1)
    assert Counter(row["file"] for row in rows(tmp_path / "out")) == files(archive)


def shares(store: Store) -> Counter[str]:
    """How many partitions each node has finished."""
    return Counter((store.counts(name) or {})["node"] for name in store.names(ANSWERS))


@pytest.mark.skipif(sys.platform == "win32", reason="has no SIGKILL")
def test_a_driver_that_is_killed_is_continued(cluster, archive: Path, tmp_path: Path):
    out = tmp_path / "out"
    command = [sys.executable, "-m", "audio_emotion", "infer", str(archive), "--engine", "ray"]
    command += ["--output-dir", str(out), "--partition", "2"]
    driver = subprocess.Popen(command, env=os.environ | {"RAY_ADDRESS": cluster.address, "PYTHONPATH": str(ROOT)})
    wait_for(lambda: n_finished(out) >= 3)
    driver.send_signal(signal.SIGKILL)
    assert driver.wait() == -signal.SIGKILL, "it ended before it could be killed"
    n_before = n_finished(out)
    done = subprocess.run(
        command,
        env=os.environ | {"RAY_ADDRESS": cluster.address, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 3, done.stderr
    told = done.stderr.splitlines()[-1]
    n_skipped = int(told.split(" already done")[0].split()[-1])
    assert n_before <= n_skipped < N_FILES - 4, told
    assert Counter(row["file"] for row in rows(out)) == files(archive)


def test_an_object_store(cluster, archive: Path):
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    try:
        host, port = server.get_host_and_port()
        options = f"endpoint_override={host}:{port}&scheme=http&region=us-east-1&allow_bucket_creation=true"
        store, _ = FileSystem.from_uri(f"s3://calls?{options}")
        store.create_dir("calls")
        for path in [*sorted(archive.iterdir())[:4], archive / "bad.wav", archive / "five seconds, 100%.wav"]:
            with store.open_output_stream(f"calls/may/{path.name}") as target:
                target.write(path.read_bytes())
        with store.open_output_stream("calls/list.csv") as target:
            target.write(b"file\nmay/000.wav\nmay/absent.wav\n")
        job = Job(f"s3://calls/out?{options}")
        result = engine.run([f"s3://calls/may?{options}", f"s3://calls/list.csv?{options}"], job, size=4)
        with store.open_input_file(f"calls/out/answers/{Store(job.folder).names(ANSWERS).pop()}.parquet") as file:
            answered = parquet.read_table(file)["file"].to_pylist()
        failed = engine.run([f"s3://calls/may?{options}"], Job(job.folder, along_time=False), size=4).failed
    finally:
        server.stop()
    assert (result.done, sorted(one.kind for one in result.failed)) == (5, ["decode", "missing"])
    assert {name.partition("?")[0] for name in answered} <= {
        *(f"s3://calls/may/{n:03}.wav" for n in range(4)),
        "s3://calls/may/five%20seconds%2C%20100%25.wav",
    }
    assert [one.kind for one in failed] == ["decode"]
