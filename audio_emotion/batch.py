"""Many recordings → answers, with decoding in processes of its own, and a journal that lets a run be continued."""

import hashlib
import json
import os
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import numpy as np

from audio_emotion import paths, prediction, report
from audio_emotion.audio import WHOLE, Part
from audio_emotion.checkpoint import ModelConfig
from audio_emotion.errors import StorageError, UsageError
from audio_emotion.journal import JOURNAL, Journal, Stamp, check_same, opened, stamp
from audio_emotion.prediction import Model
from audio_emotion.records import FloatArray, Prediction
from audio_emotion.report import Answer, Writer
from audio_emotion.runtime import cores
from audio_emotion.streaming import Assembler, TimelineConfig, overall
from audio_emotion.workers import Failure, Limits, Pool, Reader, Windows

BATCH = 64  # windows at once; somewhat more where a reader hands over several
RESULTS, FAILURES = "results", "failures"
"""Names of the files for all inputs together, without their suffixes."""

_FINAL = "decode"  # the one kind of failure that will not go away while the file stays as it is


@dataclass(frozen=True, slots=True, eq=False)
class Heard:
    """All that is known of a recording when its last window has been through the model.

    Attributes:
        logits: (n_windows, n_labels).
        notes: what the reader said beside each part.
        end_s: how far the reader came, in seconds.
    """

    logits: FloatArray
    notes: tuple[Mapping[str, Any], ...]
    end_s: float


Said = tuple[Prediction, tuple[Prediction, ...] | None]
"""The answer for a recording as a whole, and along its time or None."""


def one_answer(part: Part = WHOLE, min_confidence: float = 0.0) -> Callable[[Heard, ModelConfig], Said]:
    """Return what answers for a recording as a whole, from the windows of :func:`audio_emotion.readers.whole`."""

    def said(heard: Heard, config: ModelConfig) -> Said:
        n_windows = len(heard.logits)
        logits = heard.logits.mean(axis=0) if n_windows else None
        answer = prediction.answer(logits, config, part.start, heard.end_s, n_windows, part.channel)
        return prediction.sure_enough(answer, min_confidence), None

    return said


def timeline_answer(timeline: TimelineConfig, part: Part = WHOLE) -> Callable[[Heard, ModelConfig], Said]:
    """Return what answers along a recording's time, from the windows of :func:`audio_emotion.readers.timeline`."""

    def said(heard: Heard, config: ModelConfig) -> Said:
        assembler = Assembler(config, timeline, part.start, part.channel)
        counts = [count for note in heard.notes for count in note["counts"]]
        *logits, last = np.split(heard.logits, np.cumsum(counts)[:-1])
        segments = assembler.take(logits) + assembler.finish(last, heard.notes[-1]["n"])
        return overall(segments, config, part.channel), tuple(segments)

    return said


def task_of(timeline: TimelineConfig, part: Part = WHOLE, *, along_time: bool = False) -> "Task":
    """Return the task that answers each recording as a whole, or along its time.

    For an answer as a whole, ``gate``, ``vad`` and ``min_confidence`` of ``timeline`` count.
    """
    if not along_time:
        settings = {"part": asdict(part), "gate": timeline.gate, "vad": timeline.vad}
        least = timeline.min_confidence
        return Task("audio_emotion.readers:whole", settings, one_answer(part, least), {"min_confidence": least})
    settings = {"part": asdict(part), "config": asdict(timeline)}
    return Task("audio_emotion.readers:timeline", settings, timeline_answer(timeline, part))


@dataclass(frozen=True, slots=True)
class Task:
    """What to do with each recording.

    Attributes:
        reader: name of the function that runs in the workers, see :class:`audio_emotion.workers.Reader`; it is given
            the model's ``sampling_rate`` and ``window_samples``.
        settings: its further arguments, in JSON's terms.
        answer: makes the answer when the recording has been heard.
        parameters: what ``answer`` was made with, in JSON's terms, so that a journal can tell.
    """

    reader: str = "audio_emotion.readers:whole"
    settings: Mapping[str, Any] = field(default_factory=dict)
    answer: Callable[[Heard, ModelConfig], Said] = field(default_factory=one_answer)
    parameters: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Scored:
    """A recording's answer.

    Attributes:
        item: its number among the inputs.
        answer: what is said of it.
        duration_s: how long it is, in seconds.
    """

    item: int
    answer: Answer
    duration_s: float


@dataclass(frozen=True, slots=True)
class Failed:
    """A recording without an answer.

    Attributes:
        file: as the user named it.
        kind: see :class:`audio_emotion.workers.Failure`.
        reason: one line.
    """

    file: str
    kind: str
    reason: str


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a batch is.

    Attributes:
        total: inputs, each counted once.
        skipped: those that an earlier run had dealt with.
        done: those answered in this run.
        failed: those that failed in this run.
        sound_s: seconds of sound answered in this run.
    """

    total: int
    skipped: int
    done: int
    failed: int
    sound_s: float


@dataclass(frozen=True, slots=True)
class BatchResult:
    """What a batch left.

    Attributes:
        done: inputs answered in this run.
        skipped: inputs whose answer an earlier run had left.
        failed: inputs without an answer, in their order, whichever run found out.
    """

    done: int
    skipped: int
    failed: tuple[Failed, ...]


def default_jobs() -> int:
    """Return how many decode workers to use: one for each two processors that this process may run on, 1 to 16."""
    return max(1, min(16, cores() // 2))


def score(
    files: Sequence[str],
    model: Model,
    task: Task | None = None,
    *,
    jobs: int | None = None,
    limits: Limits | None = None,
) -> Generator[Scored | Failure, None, None]:
    """Answer many recordings; each comes as it is finished, which need not be in their order, and none twice.

    Raises:
        UsageError: ``jobs`` is not at least 1.
        AudioEmotionError: no worker can be started.
    """
    task = task or Task()
    jobs = default_jobs() if jobs is None else jobs
    if jobs < 1:
        raise UsageError(f"{jobs} decode workers cannot work; use 1 or more")
    shape = {"sampling_rate": model.config.sampling_rate, "window_samples": model.config.window_samples}
    reader = Reader(task.reader, {**shape, **task.settings})
    desk = _Desk(model, task, files)
    with Pool(files, reader, min(jobs, len(files)), limits or Limits()) as pool:
        for events in pool:
            for event in events:
                yield from desk.take(event)
            if not events:  # slow decoders: better a small batch than a long wait
                yield from desk.flush()
    yield from desk.flush()


@dataclass(eq=False, slots=True)
class _Open:
    """A recording of which some windows have come."""

    notes: list[Mapping[str, Any]] = field(default_factory=list)
    logits: list[FloatArray] = field(default_factory=list)
    n_waiting: int = 0
    end_s: float = 0.0
    complete: bool = False


class _Desk:
    """Where windows of many recordings wait for the model, and recordings for their last window."""

    def __init__(self, model: Model, task: Task, files: Sequence[str]) -> None:
        self._model = model
        self._task = task
        self._files = files
        self._open: dict[int, _Open] = {}
        self._waiting: list[tuple[int, FloatArray]] = []
        self._n_waiting = 0

    def take(self, event: Windows | Failure) -> Iterator[Scored | Failure]:
        """Put windows to those that wait; give out what needs no more waiting."""
        if isinstance(event, Failure):
            self._open.pop(event.item, None)
            yield event
            return
        recording = self._open.setdefault(event.item, _Open())
        recording.notes.append(event.note)
        recording.end_s, recording.complete = event.end_s, event.last
        if event.windows is not None:
            self._waiting.append((event.item, event.windows))
            self._n_waiting += len(event.windows)
            recording.n_waiting += len(event.windows)
        yield from self._finish(event.item)
        if self._n_waiting >= BATCH:
            yield from self.flush()

    def flush(self) -> Iterator[Scored | Failure]:
        """Put all that waits through the model."""
        waiting, self._waiting, self._n_waiting = self._waiting, [], 0
        waiting = [(item, windows) for item, windows in waiting if item in self._open]
        if not waiting:
            return
        logits = self._model.runtime.logits(np.concatenate([windows for _, windows in waiting]))
        ends = np.cumsum([len(windows) for _, windows in waiting])
        for (item, _), own in zip(waiting, np.split(logits, ends[:-1]), strict=True):
            self._open[item].logits.append(own)
            self._open[item].n_waiting -= len(own)
        for item in dict.fromkeys(item for item, _ in waiting):
            yield from self._finish(item)

    def _finish(self, item: int) -> Iterator[Scored]:
        recording = self._open[item]
        if not recording.complete or recording.n_waiting:
            return
        del self._open[item]
        config = self._model.config
        none = np.empty((0, len(config.labels)), np.float32)
        heard = Heard(np.concatenate([none, *recording.logits]), tuple(recording.notes), recording.end_s)
        said, segments = self._task.answer(heard, config)
        answer = Answer(self._files[item], config.name, self._model.runtime.device, said, segments)
        yield Scored(item, answer, heard.end_s)


def run(
    inputs: Sequence[str | os.PathLike[str]],
    output_dir: str | os.PathLike[str],
    model: Model,
    *,
    formats: Sequence[str] = ("json",),
    per_input: bool = True,
    task: Task | None = None,
    jobs: int | None = None,
    limits: Limits | None = None,
    restart: bool = False,
    progress: Callable[[Progress], None] = lambda progress: None,
    on_failure: Callable[[Failed], None] = lambda failed: None,
) -> BatchResult:
    """Answer recordings into a folder, and continue where an earlier run into it stopped.

    Each input leaves a file in each of ``formats`` (unless ``per_input`` is false) as soon as it is answered; at the
    end come ``results.*``, all answers in the order of the inputs in each format that can hold several, and
    ``failures.jsonl``. An input that an earlier run answered is done again only if its size or modification time
    changed; one whose content could not be decoded likewise; other failures are tried again.

    Raises:
        UsageError: the folder was begun with another model or other parameters, or no such format.
        StorageError: the folder cannot be written, or another run is writing there.
    """
    task = task or Task()
    folder = Path(output_dir)
    names: dict[str, str] = {}  # absolute path → as named, each once
    for name in inputs:
        names.setdefault(os.path.abspath(name), os.fspath(name))  # noqa: PTH100 (keeps "..", and odd bytes, right)
    fingerprint = _fingerprint(model.config, task)
    header = {"fingerprint": fingerprint, "root": _common_folder(list(names))}
    for format_name in formats:
        report.writer(format_name, model.config.labels)
    with opened(folder, header, restart) as journal:
        check_same(journal.header["fingerprint"], fingerprint, folder)
        outputs = _Outputs(folder, journal.header["root"], formats, model.config.labels, per_input)
        todo = _left_to_do(names, journal, outputs)
        if todo:
            outputs.withdraw_together()
        counts = Progress(len(names), len(names) - len(todo), 0, 0, 0.0)
        progress(counts)
        files = [names[path] for path, _ in todo]
        with closing(score(files, model, task, jobs=jobs, limits=limits)) as results:
            for result in results:
                path, seen = todo[result.item]
                if isinstance(result, Scored):
                    outputs.write(path, result.answer)
                    journal.add(path, seen, {"answer": _packed(result.answer)})
                    counts = replace(counts, done=counts.done + 1, sound_s=counts.sound_s + result.duration_s)
                else:
                    failed = Failed(names[path], result.kind, result.reason)
                    outputs.discard(path)
                    journal.add(path, seen, {"failure": asdict(failed)})
                    on_failure(failed)
                    counts = replace(counts, failed=counts.failed + 1)
                progress(counts)
        failures = outputs.write_together(names, journal)
    return BatchResult(counts.done, len(names) - len(failures) - counts.done, failures)


def _fingerprint(config: ModelConfig, task: Task) -> dict[str, Any]:
    """Return what the answers depend on, a name to a value."""
    described = {name: value for name, value in asdict(config).items() if name not in {"training", "figures"}}
    digest = hashlib.sha256(json.dumps(described, sort_keys=True).encode()).hexdigest()
    model = {"model": f"{config.name} (sha256 {digest[:16]})", "reader": task.reader}
    return {**model, **task.settings, **task.parameters}


def _common_folder(files: Sequence[str]) -> str:
    """Return the deepest folder that all absolute paths are in; none where they are on several drives."""
    try:
        return os.path.commonpath([os.path.dirname(path) for path in files])  # noqa: PTH120
    except ValueError:
        return ""


def _left_to_do(names: Mapping[str, str], journal: Journal, outputs: "_Outputs") -> list[tuple[str, Stamp]]:
    """Return the inputs that need work, with their present stamps; give the others the output files they lack."""
    todo = []
    for path in names:
        entry, seen = journal.entries.get(path), stamp(path)
        if entry is None or entry.stamp != seen or entry.failure not in {None, _FINAL}:
            todo.append((path, seen))
        elif entry.failure is None and outputs.lacks(path):
            outputs.write(path, _answer(journal.read(entry)))
    return todo


def _packed(record: Answer | Prediction) -> dict[str, Any]:
    """Return what JSON can write of an answer, with nothing left out or rounded; :func:`_answer` turns it back."""
    content = {entry.name: getattr(record, entry.name) for entry in fields(record)}
    if isinstance(record, Answer):
        segments = None if record.segments is None else [_packed(said) for said in record.segments]
        return content | {"prediction": _packed(record.prediction), "segments": segments}
    return content | {"scores": dict(record.scores)}


def _answer(content: Mapping[str, Any]) -> Answer:
    """Turn a line of the journal back into what it was made from."""
    packed = dict(content["answer"])
    segments = packed["segments"]
    packed["prediction"] = Prediction(**packed["prediction"])
    packed["segments"] = None if segments is None else tuple(Prediction(**said) for said in segments)
    return Answer(**packed)


class _Outputs:
    """The files for users in the output folder: one an input and format, and those for all inputs together."""

    def __init__(self, folder: Path, root: str, formats: Sequence[str], labels: Sequence[str], per_input: bool) -> None:
        self._folder = folder
        self._root = root
        self._formats = tuple(dict.fromkeys(formats))
        self._labels = labels
        self._per_input = per_input
        self._made: set[Path] = set()

    def _targets(self, path: str, formats: Iterable[str]) -> Iterator[tuple[Writer, Path]]:
        name = output_name(path, self._root)
        for format_name in formats:
            writer = report.writer(format_name, self._labels)
            yield writer, self._folder / (name + writer.suffix)

    def lacks(self, path: str) -> bool:
        """Tell whether a file of an answered input is missing."""
        return self._per_input and not all(target.is_file() for _, target in self._targets(path, self._formats))

    def write(self, path: str, answer: Answer) -> None:
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
        """Take away the files of an input that has no answer any more, in whichever format an earlier run left them."""
        for _, target in self._targets(path, report.FORMATS):
            paths.remove(target)

    def withdraw_together(self) -> None:
        """Take away the files for all inputs, which speak of a finished batch, while there is something to do."""
        for format_name in report.FORMATS:
            paths.remove(self._folder / (RESULTS + report.writer(format_name, self._labels).suffix))
        paths.remove(self._folder / f"{FAILURES}.jsonl")

    def _together(self) -> dict[str, Path]:
        """Return the formats that can hold several answers, each with the path of its file for all inputs."""
        writers = {name: report.writer(name, self._labels) for name in self._formats}
        return {name: self._folder / (RESULTS + w.suffix) for name, w in writers.items() if w.combines}

    def write_together(self, names: Iterable[str], journal: Journal) -> tuple[Failed, ...]:
        """Write ``results.*`` and ``failures.jsonl`` in the order of the inputs, and return the failures."""
        failures = []
        with ExitStack() as stack:
            together = []
            for format_name, target in self._together().items():
                file = stack.enter_context(paths.writing_text(target))
                together.append((report.writer(format_name, self._labels, many=True), file))
            lines = stack.enter_context(paths.writing_text(self._folder / f"{FAILURES}.jsonl"))
            for writer, file in together:
                file.write(writer.head())
            for path in names:
                content = journal.read(journal.entries[path])
                if "failure" in content:
                    failures.append(Failed(**content["failure"]))
                    failure = {name: paths.encodable(text) for name, text in content["failure"].items()}
                    lines.write(json.dumps(failure, ensure_ascii=False) + "\n")
                    continue
                answer = _answer(content)
                for writer, file in together:
                    file.write(writer.answer(answer))
            for writer, file in together:
                file.write(writer.tail())
        return tuple(failures)


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
    word = report.as_word(part, also=_REFUSED)
    if len(word.encode()) <= _LONGEST:
        return word
    digest = hashlib.sha256(os.fsencode(part)).hexdigest()[:16]
    return f"{word.encode()[: _LONGEST - 17].decode(errors='ignore')}~{digest}"


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(
            f"cannot make {paths.shown(folder)} ({error.strerror}); make it writable or name another"
        ) from error
