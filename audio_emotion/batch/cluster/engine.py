"""A batch on a cluster: Ray Data distributes partitions, and finished ones are not processed again."""

import json
import logging
import os
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from audio_emotion.batch.cluster.actor import Job, Scorer
from audio_emotion.batch.cluster.inputs import find
from audio_emotion.batch.cluster.partitions import SIZE, Partition, make_partitions
from audio_emotion.batch.cluster.store import ANSWERS, FAILURES, Store
from audio_emotion.batch.journal import check_same
from audio_emotion.batch.outputs import Failed
from audio_emotion.batch.run import FINAL, BatchResult, Progress, fingerprint, flatten_params
from audio_emotion.core.errors import AudioEmotionError, DeviceError, PackageError, UsageError
from audio_emotion.core.packages import install_command
from audio_emotion.inference.backends import cores
from audio_emotion.inference.loading import backend_for
from audio_emotion.models import checkpoint

_FORMAT = 1
_AHEAD = 2  # partitions that an actor has: the current one and the next


def run(
    names: Iterable[str],
    job: Job,
    model: str = checkpoint.DEFAULT,
    *,
    recursive: bool = False,
    size: int = SIZE,
    restart: bool = False,
    progress: Callable[[Progress], None] = lambda progress: None,
    on_failure: Callable[[Failed], None] = lambda failed: None,
) -> BatchResult:
    """Predict an archive into ``job.folder`` on a Ray cluster, and continue where an earlier run into it stopped.

    The cluster is the one that this process is connected to, else the one that ``RAY_ADDRESS`` names, else this
    machine. ``names`` are as for :func:`audio_emotion.batch.cluster.inputs.find`, and ``size`` is how many recordings a
    partition holds, about.

    Raises:
        UsageError: the folder was started with another model or other parameters, or a manifest is none.
        PackageError: the extra ``ray`` is not installed.
        StorageError: the folder cannot be written.
        DeviceError: the cluster has no room for a single actor.
        ModelError: no such model.
    """
    _check_installed()
    folder = checkpoint.find(model)
    config = checkpoint.read(folder)
    store = Store(job.folder)
    partitions = list(make_partitions(find(names, recursive), size))
    job = replace(job, folder=store.folder, backend=_backend(config, job))
    made_with = {**fingerprint(config, job.backend, job.answer()), "partition": size}
    header = store.header()
    if header is None or restart:
        store.clear()
        store.begin({"run": _FORMAT, "fingerprint": made_with})
    else:
        check_same(flatten_params(header.get("fingerprint", {})), flatten_params(made_with), store.folder)
    todo, failed, n_todo = _left_to_do(partitions, store)
    total = sum(len(partition.inputs) for partition in partitions)
    counts = Progress(total, total - n_todo, 0, 0, 0.0)
    progress(counts)
    if todo:
        with _cluster(), closing(_answers(todo, job, folder)) as answers:
            for outcome in answers:
                failed[outcome["name"]] = [Failed(*failure) for failure in outcome["failed"]]
                for failure in failed[outcome["name"]]:
                    on_failure(failure)
                counts = replace(
                    counts,
                    done=counts.done + outcome["done"],
                    failed=counts.failed + len(outcome["failed"]),
                    sound_s=counts.sound_s + outcome["sound_s"],
                )
                progress(counts)
    files = (given.name for partition in partitions for given in partition.inputs)
    store.replaced({partition.name for partition in partitions}, files)
    named = tuple(failure for partition in partitions for failure in failed.get(partition.name, ()))
    return BatchResult(counts.done, counts.total - counts.done - len(named), named)


def _backend(config: checkpoint.ModelConfig, job: Job) -> str:
    """Return what runs the model on every node, so that one machine's ``auto`` is not another's.

    Raises:
        UsageError: actors cannot run there.
    """
    if job.device not in ("cpu", "cuda"):
        raise UsageError(f"on a cluster models run on cpu or cuda, not on {job.device!r}; use one of them")
    return backend_for(config, job.device) if job.backend == "auto" else job.backend


def _left_to_do(partitions: Sequence[Partition], store: Store) -> tuple[list[Partition], dict[str, list[Failed]], int]:
    """Return the partitions that need work, what failed in the others, and how many recordings need work."""
    done, with_failures = store.names(ANSWERS), store.names(FAILURES)
    failed: dict[str, list[Failed]] = {}
    todo, n_todo = [], 0
    for partition in partitions:
        known = store.failures(partition.name) if partition.name in with_failures & done else []
        passing = sum(failure.kind != FINAL for failure in known)
        if partition.name not in done or passing:
            todo.append(partition)
            n_todo += passing or len(partition.inputs)
        else:
            failed[partition.name] = known
    return todo, failed, n_todo


def _check_installed() -> None:
    """Raise :class:`PackageError` unless what ``--engine ray`` needs is installed."""
    if missing := [name for name in ("ray", "pyarrow") if find_spec(name) is None]:
        raise PackageError(
            f"archives on a cluster need packages that are not installed ({', '.join(missing)}); "
            f"run: {install_command('ray')}"
        )


@contextmanager
def _cluster() -> Iterator[None]:
    """Connect to a cluster; one that is started for this run ends with it."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # no telemetry
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")  # failures are raised as errors
    import ray
    import ray.data

    logging.getLogger("ray.data").setLevel(logging.ERROR)

    if ray.is_initialized():
        yield
        return
    ours = {} if os.environ.get("RAY_ADDRESS") else {"num_cpus": max(2, cores()), "include_dashboard": False}
    try:
        ray.init(log_to_driver=False, logging_level="error", **ours)
    except (ConnectionError, RuntimeError, ValueError) as error:
        problem = " ".join(str(error).split())
        raise DeviceError(f"no cluster can be reached ({problem}); check RAY_ADDRESS, and that Ray runs") from error
    try:
        yield
    finally:
        ray.shutdown()


def _answers(todo: Sequence[Partition], job: Job, model_folder: Path) -> Generator[dict[str, Any], None, None]:
    """Yield the outcome of each partition as it is finished."""
    import ray
    from ray.exceptions import RayError

    needs = {"CPU": 1.0 + job.jobs, "GPU": float(job.device == "cuda")}
    model = ray.put({file.name: file.read_bytes() for file in model_folder.iterdir() if file.is_file()})
    orders = [{"order": json.dumps({"name": p.name, "files": [given.name for given in p.inputs]})} for p in todo]
    data = ray.data.from_items(orders, override_num_blocks=len(orders)).map_batches(
        Scorer,
        fn_constructor_args=(job, model),
        batch_size=1,
        compute=ray.data.ActorPoolStrategy(
            min_size=1,
            initial_size=min(len(todo), _places(needs)),
            max_size=len(todo),
            max_tasks_in_flight_per_actor=_AHEAD,
        ),
        num_cpus=needs["CPU"],
        num_gpus=needs["GPU"],
    )
    data.context.enable_progress_bars = False
    data.context.print_on_execution_start = False
    try:
        for row in data.iter_rows():
            yield json.loads(row["done"])
    except RayError as error:
        raise _cause(error) from error


def _places(needs: Mapping[str, float]) -> int:
    """Return how many actors the cluster has room for at present.

    Raises:
        DeviceError: there is none.
    """
    import ray

    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    required = {name: amount for name, amount in needs.items() if amount}
    room = sum(min(int(node.get(name, 0) // amount) for name, amount in required.items()) for node in nodes)
    if not room:
        words = " and ".join(f"{amount:g} {name}" for name, amount in required.items())
        raise DeviceError(
            f"no node of the cluster has {words}, which one actor needs; use fewer --jobs, or larger nodes"
        )
    return room


def _cause(error: BaseException) -> AudioEmotionError:
    """Return the error of this package that ended an actor, else Ray's own message."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, AudioEmotionError):
            return cause
        cause = getattr(cause, "cause", None) or cause.__cause__
    return AudioEmotionError(
        f"the cluster failed ({' '.join(str(error).split())[-300:]}); run the same command again to continue"
    )
