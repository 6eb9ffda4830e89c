"""The actor: it has a model and decode workers, and predicts partitions."""

import json
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import astuple, dataclass, field, replace
from pathlib import Path
from typing import Any

from audio_emotion.audio.region import FULL, AudioRegion
from audio_emotion.batch.cluster.store import ANSWERS, Store, table
from audio_emotion.batch.outputs import Failed
from audio_emotion.batch.run import FINAL
from audio_emotion.batch.scoring import Scored, Task, score, task_of, worker_pool
from audio_emotion.batch.workers import Limits
from audio_emotion.core.paths import encodable
from audio_emotion.inference.config import TimelineConfig
from audio_emotion.inference.loading import load_model


@dataclass(frozen=True)
class Job:
    """What every actor does.

    Attributes:
        folder: the output folder.
        device: where its model runs, ``cpu`` or ``cuda``.
        timeline: how windows are cut and predicted.
        part: the region of each recording to use.
        along_time: whether to predict over time.
        backend: as for :func:`audio_emotion.load_model`.
        jobs: decode workers of an actor.
        limits: what one recording may cost.
    """

    folder: str
    device: str = "cpu"
    timeline: TimelineConfig = field(default_factory=TimelineConfig)
    part: AudioRegion = FULL
    along_time: bool = False
    backend: str = "auto"
    jobs: int = 1
    limits: Limits = field(default_factory=Limits)

    def answer(self) -> Task:
        """Return what a batch on one machine would do with each recording."""
        return task_of(self.timeline, self.part, along_time=self.along_time)

    def task(self) -> Task:
        """Return what is done with each recording: the same, and fetching."""
        task = self.answer()
        reader = task.reader.replace("audio_emotion.batch.readers", "audio_emotion.batch.cluster.readers")
        return replace(task, reader=reader, settings={**task.settings, "size_bytes": self.limits.size_bytes})


class Scorer:
    """One actor of the pool.

    Decoding runs in the actor's own worker processes and not in tasks of the cluster. A decoder's output is many times
    as large as the file, and so it stays on its machine. A file that crashes its decoder, or hangs, affects no other
    file, as in a batch on one machine, which uses the same code.
    """

    def __init__(self, job: Job, model: Any) -> None:
        """Load the model, of which ``model`` is a reference to the files' names and contents."""
        import ray

        self._store = Store(job.folder)
        self._node = ray.get_runtime_context().get_node_id()
        with tempfile.TemporaryDirectory(prefix="audio-emotion-") as folder:
            for name, content in ray.get(model).items():
                (Path(folder) / name).write_bytes(content)
            self._model = load_model(folder, job.device, job.backend, threads=1)  # type: ignore[arg-type]
        self._task = job.task()
        self._pool = worker_pool(self._model, self._task, job.jobs, job.limits)  # of all partitions

    def __call__(self, batch: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
        """Predict partitions, each given as JSON; return the outcome of each, as JSON."""
        return {"done": [json.dumps(self._answer(**json.loads(order))) for order in batch["order"]]}

    def _answer(self, name: str, files: Sequence[str]) -> dict[str, Any]:
        """Predict a partition; of a finished one, only the failures that may have been temporary."""
        known, before = self._store.counts(name), self._store.failures(name)
        lasting = [failure for failure in before if failure.kind == FINAL]
        again = {failure.file for failure in before if failure.kind != FINAL}
        todo = [file for file in files if encodable(file) in again] if known else files
        answers, failed, sound_s = [], [], 0.0
        with closing(score(todo, self._model, self._task, pool=self._pool)) as results:
            for outcome in results:
                if isinstance(outcome, Scored):
                    answers.append(outcome.answer)
                    sound_s += outcome.duration_s
                else:
                    failed.append(Failed(todo[outcome.item], outcome.kind, outcome.reason))
        rows = table(answers, self._model.config.labels)
        if known:
            rows = self._joined(name, rows, again)
            failed = [*lasting, *failed]
        failed.sort(key=lambda failure: failure.file)
        counts = {"answered": len(files) - len(failed), "failed": len(failed), "node": self._node}
        rows = rows.sort_by([("file", "ascending"), ("start", "ascending")])
        self._store.write(name, rows, failed, counts, again=bool(known))
        return {
            "name": name,
            "done": len(answers),
            "failed": [astuple(failure) for failure in failed],
            "sound_s": sound_s,
        }

    def _joined(self, name: str, rows: Any, again: set[str]) -> Any:
        """Return the rows that a partition has with new ones, which replace those of the same files."""
        import pyarrow as pa
        from pyarrow import compute

        old = self._store.read(ANSWERS, name).replace_schema_metadata()
        stay = compute.invert(compute.is_in(old["file"], value_set=pa.array(sorted(again), pa.string())))
        return pa.concat_tables([old.filter(stay), rows])
