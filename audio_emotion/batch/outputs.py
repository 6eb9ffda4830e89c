"""What a batch leaves for its user: files for each input, and those for all together."""

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from audio_emotion.batch.journal import JOURNAL, Journal
from audio_emotion.core import paths
from audio_emotion.core.errors import StorageError
from audio_emotion.core.types import Prediction
from audio_emotion.formats import Result, Source, Writer, get_writer, percent_encode

RESULTS, FAILURES = "results", "failures"
"""Names of the files for all inputs together, without their suffixes."""


@dataclass(frozen=True, slots=True)
class Failed:
    """A recording without an answer.

    Attributes:
        file: as the user named it.
        kind: see :class:`audio_emotion.batch.workers.Failure`.
        reason: one line.
    """

    file: str
    kind: str
    reason: str


class Outputs:
    """The files for users in the output folder: one an input and format, and those for all inputs together.

    What is taken away was written by a run of the journal: a user's own file beside the answers stays.
    """

    def __init__(
        self, folder: Path, journal: Journal, formats: Sequence[str], labels: Sequence[str], per_input: bool = True
    ) -> None:
        self._folder = folder
        self._journal = journal
        self._root: str = journal.header.get("root", "")
        self._formats = tuple(dict.fromkeys(formats))
        self._labels = labels
        self._per_input = per_input
        self._made: set[Path] = set()
        journal.add_formats(self._formats)

    def _targets(self, path: str, formats: Iterable[str]) -> Iterator[tuple[Writer, Path]]:
        name = output_name(path, self._root)
        for format_name in formats:
            writer = get_writer(format_name, self._labels)
            yield writer, self._folder / (name + writer.suffix)

    def lacks(self, path: str) -> bool:
        """Tell whether a file of an answered input is missing."""
        return self._per_input and not all(target.is_file() for _, target in self._targets(path, self._formats))

    def write(self, path: str, answer: Result) -> None:
        """Write an input's files."""
        if not self._per_input:
            return
        for writer, target in self._targets(path, self._formats):
            if target.parent not in self._made:
                _make(target.parent)
                self._made.add(target.parent)
            with paths.writing_text(target) as file:
                file.write(writer.render([answer]))

    def discard(self, path: str) -> None:
        """Take away the files of an input that has no answer any more, in whichever format a run left them."""
        entry = self._journal.entries.get(path)
        if self._per_input and entry is not None and entry.failure is None:
            for _, target in self._targets(path, self._journal.formats):
                paths.remove(target)

    def check_free(self, paths_of_inputs: Iterable[str]) -> None:
        """Refuse to write over files that no run has written.

        Raises:
            StorageError: there is one.
        """
        targets = [*self._together(self._formats).values(), self._folder / f"{FAILURES}.jsonl"]
        if self._per_input:
            targets += [target for path in paths_of_inputs for _, target in self._targets(path, self._formats)]
        for target in targets:
            if os.path.lexists(target):
                raise StorageError(
                    f"{paths.display_path(target)}: is there already, and no run into this folder has written it; "
                    "move it away, name another folder, or write over it with restart"
                )

    def delete_outputs(self) -> None:
        """Take away all that runs have written: what comes now begins anew."""
        self.delete_combined()
        for path in self._journal.entries:
            self.discard(path)

    def delete_combined(self) -> None:
        """Take away the files for all inputs, which speak of a finished batch, while there is something to do."""
        for target in self._together(self._journal.formats).values():
            paths.remove(target)
        paths.remove(self._folder / f"{FAILURES}.jsonl")

    def _together(self, formats: Iterable[str]) -> dict[str, Path]:
        """Return those of the formats that can hold several answers, each with the path of its file for all inputs."""
        writers = {name: get_writer(name, self._labels) for name in formats}
        return {name: self._folder / (RESULTS + w.suffix) for name, w in writers.items() if w.combines}

    def write_combined(self, names: Iterable[str]) -> tuple[Failed, ...]:
        """Write ``results.*`` and ``failures.jsonl`` in the order of the inputs, and return the failures."""
        failures = []
        with ExitStack() as stack:
            together = []
            for format_name, target in self._together(self._formats).items():
                file = stack.enter_context(paths.writing_text(target))
                together.append((get_writer(format_name, self._labels, many=True), file))
            lines = stack.enter_context(paths.writing_text(self._folder / f"{FAILURES}.jsonl"))
            for writer, file in together:
                file.write(writer.head())
            for path in names:
                content = self._journal.read(self._journal.entries[path])
                if "failure" in content:
                    failures.append(Failed(**content["failure"]))
                    failure = {name: paths.encodable(text) for name, text in content["failure"].items()}
                    lines.write(json.dumps(failure, ensure_ascii=False) + "\n")
                    continue
                answer = from_json(content)
                for writer, file in together:
                    file.write(writer.result(answer))
            for writer, file in together:
                file.write(writer.tail())
        return tuple(failures)


def to_json(record: Result | Prediction) -> dict[str, Any]:
    """Return what JSON can write of an answer, with nothing left out or rounded; :func:`unpacked` turns it back."""
    if isinstance(record, Result):
        segments = None if record.segments is None else [to_json(segment) for segment in record.segments]
        return {**asdict(record.source), "prediction": to_json(record.prediction), "segments": segments}
    content = {entry.name: getattr(record, entry.name) for entry in fields(record)}
    return content | {"scores": dict(record.scores)}


def from_json(content: Mapping[str, Any]) -> Result:
    """Turn a line of the journal back into what it was made from."""
    packed = dict(content["answer"])
    prediction = Prediction(**packed.pop("prediction"))
    segments = packed.pop("segments")
    return Result(
        Source(**packed), prediction, None if segments is None else tuple(Prediction(**entry) for entry in segments)
    )


_REFUSED = '<>:"|?*\\'  # by some file system or shell
_RESERVED = {RESULTS, FAILURES, Path(JOURNAL).stem}
_LONGEST = 200  # bytes of a name, to which a suffix is added; most file systems allow 255


def output_name(path: str, root: str) -> str:
    """Return what an input's output files are called, under the output folder and without the format's suffix.

    It is the input's path below ``root``, so that a tree of inputs gives the same tree of outputs and no two inputs
    share a name; what lies outside has ``__`` for each step up. Characters that some file systems refuse are escaped
    as in a URL, and a long name is cut and told apart by a checksum.

    >>> output_name("/data/calls/may/one.wav", "/data/calls")
    'may/one.wav'
    """
    try:
        relative = os.path.relpath(path, root or os.sep)
    except ValueError:  # on another drive
        relative = path
    parts = ["__" if part == os.pardir else _output_part(part) for part in Path(relative).parts]
    if len(parts) == 1 and parts[0] in _RESERVED:
        parts = [f"%{ord(parts[0][0]):02X}{parts[0][1:]}"]
    return "/".join(parts)


def _output_part(part: str) -> str:
    word = percent_encode(part, also=_REFUSED)
    if len(word.encode()) <= _LONGEST:
        return word
    digest = hashlib.sha256(os.fsencode(part)).hexdigest()[:16]
    return f"{word.encode()[: _LONGEST - 17].decode(errors='ignore')}~{digest}"


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(
            f"cannot make {paths.display_path(folder)} ({error.strerror}); make it writable or name another"
        ) from error
