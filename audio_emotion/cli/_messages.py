"""Messages of the command line, to stderr and to ``--log-file``.

Messages are records of :mod:`logging` under the package's name, so they include those of the library's modules:

    ERROR   errors: always
    INFO    notes and progress: not with ``--quiet``
    DEBUG   timings, the model, the back end: with ``--verbose``
    TRACE   the arguments, and tracebacks of errors: only in the log file
"""

import os
import platform
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import typer

from audio_emotion.core.errors import StorageError, reason
from audio_emotion.core.paths import display_path

if TYPE_CHECKING:
    from logging import Logger

ERROR, INFO, DEBUG, TRACE = 40, 20, 10, 5  # the levels of logging, which `--help` must not import


class _Sink:
    """The message options, and the logger that was set up for them."""

    def __init__(self) -> None:
        self.quiet = self.verbose = False
        self.log_file: Path | None = None
        self.logger: Logger | None = None
        self.began = time.monotonic()


_sink = _Sink()


# --- options ----------------------------------------------------------------------------------------------------------


def want(_: typer.Context, parameter: Any, value: Any) -> Any:
    """Store a message option, which may come before or after the command's name."""
    if value:
        setattr(_sink, parameter.name, value)
    if _sink.quiet and _sink.verbose:
        raise typer.BadParameter("--quiet cannot be used with --verbose; remove one of them")
    return value


def forget() -> None:
    """Close the log file and reset the options for another command."""
    global _sink  # noqa: PLW0603 (one process has one stderr)
    if _sink.logger is not None:
        for handler in list(_sink.logger.handlers):
            _sink.logger.removeHandler(handler)
            with suppress(OSError):  # an earlier write failed too
                handler.close()
        _sink.logger.propagate = True
        _sink.logger.setLevel(0)
    _sink = _Sink()


def begin() -> None:
    """Open the log file and log the arguments.

    Raises:
        StorageError: it cannot be written.
    """
    if (_sink.log_file or _sink.verbose) and _sink.logger is None:
        _logger()
        from audio_emotion.core.version import __version__

        arguments = " ".join(map(display_path, sys.argv[1:]))
        log(
            TRACE,
            f"audio-emotion {__version__}, Python {platform.python_version()}, {platform.platform()}: {arguments}",
        )


def listen() -> None:
    """Capture the log records of the library's modules, which Python would otherwise print itself."""
    _logger()


def end(code: int | None) -> None:
    """Log the exit code and the duration of a command, and reset the options; None: it ended with a traceback."""
    if code is not None and (_sink.log_file or _sink.verbose):
        log(DEBUG, f"exit code {code} after {time.monotonic() - _sink.began:.2f} s")
    forget()


# --- messages ---------------------------------------------------------------------------------------------------------


def say(message: str) -> None:
    """Log an error."""
    log(ERROR, message)


def note(message: str) -> None:
    """Log a note, which ``--quiet`` hides."""
    log(INFO, message)


def detail(message: str) -> None:
    """Log a detail, which only ``--verbose`` and ``--log-file`` show."""
    log(DEBUG, message)


def log(level: int, message: str, error: BaseException | None = None) -> None:
    """Log a message; the log file also gets the traceback of the error."""
    try:
        logger = _logger()
    except StorageError as problem:
        logger = _logger()  # without that file
        logger.error("%s", problem)
    logger.log(level, "%s", message)
    if error is not None:
        logger.log(TRACE, "%s", type(error).__name__, exc_info=error)


def are_wanted(level: int) -> bool:
    """Whether messages of a level go to stderr."""
    return level >= (ERROR if _sink.quiet else DEBUG if _sink.verbose else INFO)


def _logger() -> "Logger":
    if _sink.logger is not None:
        return _sink.logger
    import logging

    logger = logging.getLogger("audio_emotion")
    for handler in _handlers():
        logger.addHandler(handler)
    logger.setLevel(TRACE if _sink.log_file else DEBUG if _sink.verbose else INFO)
    logger.propagate = False
    _sink.logger = logger
    return logger


def _handlers() -> list[Any]:
    """Return the log handlers: for stderr, and for the log file if there is one."""
    import logging

    logging.addLevelName(TRACE, "TRACE")
    to_stderr = logging.StreamHandler(_Stderr())
    to_stderr.addFilter(lambda record: are_wanted(record.levelno))
    if _sink.log_file is None:
        return [to_stderr]
    name = _sink.log_file

    class LogFile(logging.FileHandler):
        """A log file that reports a full disk once and then stops."""

        def handleError(self, _: logging.LogRecord) -> None:  # noqa: N802 (logging's name)
            self.setLevel(logging.CRITICAL + 1)
            log(ERROR, f"{display_path(name)}: cannot be written ({_reason_now()}); the log is incomplete")

    try:
        if name.is_file() and b"\0" in name.open("rb").read(64):
            raise OSError("it exists and is not a text file")
        name.parent.mkdir(parents=True, exist_ok=True)
        to_file = LogFile(name, encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        _sink.log_file = None
        raise StorageError(
            f"cannot be written ({reason(error)})", subject=display_path(name), hint="use another --log-file"
        ) from error
    to_file.setFormatter(
        logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s", datefmt="%Y-%m-%dT%H:%M:%S%z")
    )
    return [to_stderr, to_file]


def _reason_now() -> str:
    """Return the reason of the current exception."""
    error = sys.exc_info()[1]
    return reason(error) if isinstance(error, Exception) else "unknown reason"


class _Stderr:
    """The current sys.stderr (a progress bar replaces it), one line per message."""

    def write(self, text: str) -> None:
        try:
            print(f"audio-emotion: {' '.join(text.split())}", file=sys.stderr, flush=True)
        except OSError:
            silence(sys.stderr)

    def flush(self) -> None:
        pass


def silence(stream: IO[str]) -> None:
    """Discard what a stream still holds, so that Python does not complain when it flushes at exit."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
