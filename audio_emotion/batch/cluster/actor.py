"""The actor: it holds a model and answers partitions, its decode workers beside it."""

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
from audio_emotion.batch.scoring import Scored, Task, score, task_of
from audio_emotion.batch.workers import Limits, WorkerProcess
from audio_emotion.core.paths import encodable
from audio_emotion.inference.config import TimelineConfig
from audio_emotion.inference.model import load_model


@dataclass(frozen=True)
class Job:
    """What is asked of every actor.

    Attributes:
        folder: the output folder.
        device: where its model runs, ``cpu`` or ``cuda``.
        timeline: how windows are cut and answered.
        part: of each recording that is heard.
        along_time: whether answers along the time are wanted.
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
    """What each actor of the pool is.

    Decoding goes on in workers of the actor's own and not in tasks of the cluster: what a decoder gives is many
    times as large as the file that it reads, and stays on its machine so; and a file that crashes its decoder, or
    hangs, costs itself alone, as in a batch on one machine, whose code this is.
    """

    def __init__(self, job: Job, model: Any) -> None:
        """Load the model, of which ``model`` is a reference to the files' names and contents."""
        import ray

        self._job, self._store = job, Store(job.folder)
        self._idle: list[WorkerProcess] = []  # decode workers between two partitions
        self._node = ray.get_runtime_context().get_node_id()
        with tempfile.TemporaryDirectory(prefix="audio-emotion-") as folder:
            for name, content in ray.get(model).items():
                (Path(folder) / name).write_bytes(content)
            self._model = load_model(folder, job.device, job.backend, threads=1)  # type: ignore[arg-type]

    def __call__(self, batch: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
        """Answer partitions, each given as JSON; return what became of each, as JSON."""
        return {"done": [json.dumps(self._answer(**json.loads(order))) for order in batch["order"]]}

    def _answer(self, name: str, files: Sequence[str]) -> dict[str, Any]:
        """Answer a partition, or of one that is finished what failed for a reason that may have passed."""
        known, before = self._store.counts(name), self._store.failures(name)
        lasting = [one for one in before if one.kind == FINAL]
        again = {one.file for one in before if one.kind != FINAL}
        todo = [file for file in files if encodable(file) in again] if known else files
        answers, failed, sound_s = [], [], 0.0
        job = self._job
        with closing(score(todo, self._model, job.task(), jobs=job.jobs, limits=job.limits, idle=self._idle)) as said:
            for one in said:
                if isinstance(one, Scored):
                    answers.append(one.answer)
                    sound_s += one.duration_s
                else:
                    failed.append(Failed(todo[one.item], one.kind, one.reason))
        rows = table(answers, self._model.config.labels)
        if known:
            rows = self._joined(name, rows, again)
            failed = [*lasting, *failed]
        failed.sort(key=lambda one: one.file)
        counts = {"answered": len(files) - len(failed), "failed": len(failed), "node": self._node}
        rows = rows.sort_by([("file", "ascending"), ("start", "ascending")])
        self._store.write(name, rows, failed, counts, again=bool(known))
        return {"name": name, "done": len(answers), "failed": [astuple(one) for one in failed], "sound_s": sound_s}

    def _joined(self, name: str, rows: Any, again: set[str]) -> Any:
        """Return the rows that a partition has with new ones, which replace those of the same files."""
        import pyarrow as pa
        from pyarrow import compute

        old = self._store.read(ANSWERS, name).replace_schema_metadata()
        stay = compute.invert(compute.is_in(old["file"], value_set=pa.array(sorted(again), pa.string())))
        return pa.concat_tables([old.filter(stay), rows])
