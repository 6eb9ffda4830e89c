"""What a batch leaves for its user: files for each input, and those for all inputs."""

import json
import os
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, astuple, dataclass, fields, replace
from itertools import chain
from pathlib import Path
from typing import Any

from audio_emotion.audio.notes import Note
from audio_emotion.batch.journal import JOURNAL, Journal
from audio_emotion.batch.names import FAILURES, RESULTS, folded, name_of_key, told_apart
from audio_emotion.core import paths
from audio_emotion.core.errors import StorageError
from audio_emotion.core.types import Prediction, Turn
from audio_emotion.formats import Result, Source, Writer, get_writer


@dataclass(frozen=True, slots=True)
class Failed:
    """A recording without a result.

    Attributes:
        file: as the user named it.
        kind: see :class:`audio_emotion.batch.workers.Failure`.
        reason: one line.
    """

    file: str
    kind: str
    reason: str

    def renamed(self, name: str) -> "Failed":
        """Return the failure under the file's present name."""
        before, now = paths.display_path(self.file), paths.display_path(name)
        reason = now + self.reason.removeprefix(before) if self.reason.startswith(before) else self.reason
        return Failed(name, self.kind, reason)


class Outputs:
    """The files for users in the output folder: one for each input and format, and those for all inputs.

    Inputs are known by their keys in the journal. Only files that a run of the journal wrote are removed: the user's
    own files next to them stay.
    """

    def __init__(
        self, folder: Path, journal: Journal, formats: Sequence[str], labels: Sequence[str], per_input: bool = True
    ) -> None:
        self._folder = folder
        self._journal = journal
        self._formats = tuple(dict.fromkeys(formats))
        self._labels = labels
        self._per_input = per_input
        self._made: set[Path] = set()
        self._owners: dict[int, str] = {}  # hash of each folded output name → the key of the input that has it
        for key, entry in journal.entries.items() if per_input else ():
            self._owners.setdefault(hash(folded(entry.output or name_of_key(key))), key)
        journal.add_formats(self._formats)

    def reserve(self, key: str) -> str | None:
        """Return an input's output name if it is not the plain one, which another input has up to case."""
        if not self._per_input:
            return None
        if (entry := self._journal.entries.get(key)) is not None:
            return entry.output
        name = name_of_key(key)
        return None if self._owners.setdefault(hash(folded(name)), key) == key else told_apart(name, key)

    def _targets(self, key: str, formats: Iterable[str]) -> Iterator[tuple[Writer, Path]]:
        name = self.reserve(key) or name_of_key(key)
        for format_name in formats:
            writer = get_writer(format_name, self._labels)
            yield writer, self._folder / (name + writer.suffix)

    def lacks(self, key: str) -> bool:
        """Tell whether an output file of an input with a result is missing."""
        return self._per_input and not all(target.is_file() for _, target in self._targets(key, self._formats))

    def write(self, key: str, result: Result) -> None:
        """Write an input's files."""
        if not self._per_input:
            return
        for writer, target in self._targets(key, self._formats):
            if target.parent not in self._made:
                _make(target.parent)
                self._made.add(target.parent)
            with paths.writing_text(target) as file:
                file.write(writer.render([result]))

    def discard(self, key: str) -> None:
        """Remove the files of an input that no longer has a result, in all formats that any run wrote."""
        entry = self._journal.entries.get(key)
        if self._per_input and entry is not None and entry.failure is None:
            for _, target in self._targets(key, self._journal.formats):
                paths.remove(target)

    def check_free(self, keys: Collection[str]) -> None:
        """Refuse to write over files that no run has written.

        Raises:
            StorageError: there is one.
        """
        present = {folded(name) for name in os.listdir(self._folder) if name != JOURNAL}  # noqa: PTH208
        if not present:
            return
        names = [*(target.name for target in self._combined(self._formats).values()), f"{FAILURES}.jsonl"]
        suffixes = [get_writer(name, self._labels).suffix for name in self._formats if self._per_input]
        outputs = (f"{self.reserve(key) or name_of_key(key)}{suffix}" for suffix in suffixes for key in keys)
        for name in chain(names, outputs):
            if folded(name.partition("/")[0]) in present and os.path.lexists(self._folder / name):
                raise StorageError(
                    "already exists, and no run into this folder has written it",
                    subject=paths.display_path(self._folder / name),
                    hint="move it away, name another folder, or write over it with restart",
                )

    def delete_outputs(self) -> None:
        """Remove all that runs have written."""
        self.delete_combined()
        for key in self._journal.entries:
            self.discard(key)

    def delete_combined(self) -> None:
        """Remove the files for all inputs, which exist only for a finished batch."""
        for target in self._combined(self._journal.formats).values():
            paths.remove(target)
        paths.remove(self._folder / f"{FAILURES}.jsonl")

    def _combined(self, formats: Iterable[str]) -> dict[str, Path]:
        """Return those of the formats that can hold several results, each with the path of its file for all inputs."""
        writers = {name: get_writer(name, self._labels) for name in formats}
        return {name: self._folder / (RESULTS + w.suffix) for name, w in writers.items() if w.combines}

    def write_combined(self, names: Mapping[str, str]) -> tuple[Failed, ...]:
        """Write ``results.*`` and ``failures.jsonl`` for inputs (key → present name) in order; return the failures."""
        failures = []
        with ExitStack() as stack:
            open_writers = []
            for format_name, target in self._combined(self._formats).items():
                file = stack.enter_context(paths.writing_text(target))
                open_writers.append((get_writer(format_name, self._labels, many=True), file))
            lines = stack.enter_context(paths.writing_text(self._folder / f"{FAILURES}.jsonl"))
            for writer, file in open_writers:
                file.write(writer.head())
            for key, name in names.items():
                content = self._journal.read(self._journal.entries[key])
                if "failure" in content:
                    failed = Failed(**content["failure"]).renamed(name)
                    failures.append(failed)
                    line = {field.name: paths.encodable(getattr(failed, field.name)) for field in fields(failed)}
                    lines.write(json.dumps(line, ensure_ascii=False) + "\n")
                    continue
                result = from_json(content, name)
                for writer, file in open_writers:
                    file.write(writer.result(result))
            for writer, file in open_writers:
                file.write(writer.tail())
        return tuple(failures)


def to_json(record: Result | Prediction) -> dict[str, Any]:
    """Return a result as JSON values, with nothing left out or rounded; :func:`from_json` turns it back."""
    if isinstance(record, Result):
        segments = None if record.segments is None else [to_json(segment) for segment in record.segments]
        notes = {"notes": [astuple(note) for note in record.notes]} if record.notes else {}
        return {**asdict(record.source), "prediction": to_json(record.prediction), "segments": segments, **notes}
    content = {entry.name: getattr(record, entry.name) for entry in fields(record)}
    if isinstance(record, Turn):
        content["timeline"] = [to_json(part) for part in record.timeline]
    return content | {"scores": dict(record.scores)}


def from_json(content: Mapping[str, Any], file: str) -> Result:
    """Turn a line of the journal back into the result that it was made from, under the file's present name."""
    packed = dict(content["answer"])
    prediction = Prediction(**packed.pop("prediction"))
    segments = packed.pop("segments")
    notes = tuple(Note(*entry) for entry in packed.pop("notes", ()))
    source = replace(Source(**packed), file=file)
    predictions = None if segments is None else tuple(map(_segment_from_json, segments))
    return Result(source, prediction, predictions, notes)


def _segment_from_json(content: Mapping[str, Any]) -> Prediction:
    if "timeline" not in content:
        return Prediction(**content)
    return Turn(**{**content, "timeline": tuple(Prediction(**part) for part in content["timeline"])})


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(
            f"cannot make {paths.display_path(folder)} ({error.strerror}); make it writable or name another"
        ) from error
