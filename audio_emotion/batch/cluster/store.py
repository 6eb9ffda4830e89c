"""The output folder of an archive: Parquet, a file for each partition, on a disk or in an object store.

``answers/`` has the results, ``failures/`` the recordings without one, each file named after its partition;
``_run.json`` says what determines the results. Each file is complete or absent.
"""

import json
import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from audio_emotion.batch.cluster import remote
from audio_emotion.batch.outputs import Failed
from audio_emotion.core.emotions import NO_SPEECH
from audio_emotion.core.errors import StorageError
from audio_emotion.core.paths import display_path, encodable, is_address
from audio_emotion.formats import Result

if TYPE_CHECKING:
    from pyarrow import Buffer, Schema, Table

ANSWERS, FAILURES, HEADER = "answers", "failures", "_run.json"
_COUNTS = b"audio_emotion"  # key of the metadata in which a file of answers has its counts
_NS = 10**9


class Store:
    """An output folder."""

    def __init__(self, folder: str) -> None:
        self.folder = folder if is_address(folder) else os.path.abspath(folder)  # noqa: PTH100
        self._files, self._root = remote.place(self.folder)
        self._renames = not is_address(folder)  # an object appears when it is whole; a file has to be renamed

    def header(self) -> dict[str, Any] | None:
        """Return what determined the results here; None if there are none."""
        try:
            with self._files.open_input_file(f"{self._root}/{HEADER}") as file:
                content: dict[str, Any] = json.loads(file.read())
                return content
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise StorageError(
                f"{display_path(self.folder)}/{HEADER}: cannot be read ({error}); name another folder"
            ) from error

    def begin(self, header: Mapping[str, Any]) -> None:
        """Write what determines the results."""
        from pyarrow import py_buffer

        self._write(f"{self._root}/{HEADER}", py_buffer(json.dumps(header, indent=2).encode("ascii") + b"\n"))

    def names(self, kind: str) -> set[str]:
        """Return the partitions that have a file of ``answers`` or ``failures``."""
        from pyarrow.fs import FileSelector

        listed = self._files.get_file_info(FileSelector(f"{self._root}/{kind}", allow_not_found=True))
        bases = {info.base_name for info in listed}
        return {name.removesuffix(".parquet") for name in bases if name.startswith("part-")}

    def read(self, kind: str, name: str) -> "Table":
        """Return a partition's table."""
        from pyarrow import parquet

        with self._files.open_input_file(self._path(kind, name)) as file:
            return parquet.read_table(file)

    def counts(self, name: str) -> dict[str, Any] | None:
        """Return the counts of a partition as :meth:`write` got them; None if it has no results yet."""
        from pyarrow import parquet

        try:
            with self._files.open_input_file(self._path(ANSWERS, name)) as file:
                content: dict[str, Any] = json.loads(parquet.read_schema(file).metadata[_COUNTS])
                return content
        except FileNotFoundError:
            return None

    def failures(self, name: str) -> list[Failed]:
        """Return the failures of a partition; of one without such a file, none."""
        try:
            return [Failed(**row) for row in self.read(FAILURES, name).to_pylist()]
        except FileNotFoundError:
            return []

    def write(
        self, name: str, answers: "Table", failed: Sequence[Failed], counts: Mapping[str, Any], again: bool
    ) -> None:
        """Write a partition; an earlier one is replaced.

        A partition is finished when it has answers, so they are written last. One that was finished before is done
        ``again`` for what its failures name, so then those are written last.
        """
        metadata = {_COUNTS: json.dumps(dict(counts))}

        def write_answers() -> None:
            self._write(self._path(ANSWERS, name), _parquet(answers.replace_schema_metadata(metadata)))

        if again:
            write_answers()
        if failed:
            self._write(self._path(FAILURES, name), _parquet(_failures(failed)))
        else:
            self._remove(self._path(FAILURES, name))
        if not again:
            write_answers()

    def clear(self) -> None:
        """Remove every partition."""
        for name in self.names(ANSWERS) | self.names(FAILURES):
            self._discard(name)

    def replaced(self, names: Collection[str], files: Iterable[str]) -> None:
        """Remove the partitions other than ``names`` that have any of ``files``, which ``names`` now have.

        Those with none of them are of recordings that are not inputs of this run, and stay.
        """
        now = {encodable(file) for file in files}
        for name in (self.names(ANSWERS) | self.names(FAILURES)) - set(names):
            if not now.isdisjoint(self._files_of(name)):
                self._discard(name)

    def _files_of(self, name: str) -> set[str]:
        answered = self.read(ANSWERS, name)["file"].to_pylist() if self.counts(name) else []
        return {*answered, *(failed.file for failed in self.failures(name))}

    def _discard(self, name: str) -> None:
        for kind in (ANSWERS, FAILURES):
            self._remove(self._path(kind, name))

    def _path(self, kind: str, name: str) -> str:
        return f"{self._root}/{kind}/{name}.parquet"

    def _write(self, path: str, content: "Buffer") -> None:
        folder, _, name = path.rpartition("/")
        written = f"{folder}/.{name}.part" if self._renames else path
        try:
            if self._renames:
                self._files.create_dir(folder)
            with self._files.open_output_stream(written) as file:
                file.write(content)
            if self._renames:
                self._files.move(written, path)
        except OSError as error:
            problem = " ".join(str(error).split())
            raise StorageError(
                f"cannot write to {display_path(self.folder)} ({problem}); make it writable or name another: "
                "what is done is kept"
            ) from error

    def _remove(self, path: str) -> None:
        try:
            self._files.delete_file(path)
        except FileNotFoundError:
            return
        except OSError as error:
            raise StorageError(f"cannot remove {display_path(path)} ({error}); make its folder writable") from error


def schema(labels: Iterable[str]) -> "Schema":
    """Return the columns of answers: those of a segmented table of audformat, times as durations in nanoseconds."""
    import pyarrow as pa

    times = [(bound, pa.duration("ns")) for bound in ("start", "end")]
    scores = [(label, pa.float32()) for label in labels]
    return pa.schema([("file", pa.string()), *times, ("emotion", pa.string()), ("confidence", pa.float32()), *scores])


def table(answers: Iterable[Result], labels: Sequence[str]) -> "Table":
    """Return results as a table: a row a recording or segment. The scores of ``no speech`` are null."""
    import pyarrow as pa

    rows = [
        [encodable(answer.source.file), round(prediction.start * _NS), round(prediction.end * _NS), prediction.label]
        + [
            None if prediction.label == NO_SPEECH else score
            for score in (prediction.score, *(prediction.scores[label] for label in labels))
        ]
        for answer in answers
        for prediction in answer.rows
    ]
    columns = schema(labels)
    return pa.table([[row[i] for row in rows] for i in range(len(columns))], schema=columns)


def _failures(failed: Sequence[Failed]) -> "Table":
    import pyarrow as pa

    names = ("file", "kind", "reason")
    columns = [[encodable(getattr(failure, name)) for failure in failed] for name in names]
    return pa.table(columns, schema=pa.schema([(name, pa.string()) for name in names]))


def _parquet(content: "Table") -> "Buffer":
    from pyarrow import BufferOutputStream, parquet

    sink = BufferOutputStream()
    parquet.write_table(content, sink, compression="zstd")
    return sink.getvalue()
