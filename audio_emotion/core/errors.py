"""The tree of errors, with their exit codes.

    AudioEmotionError            1
    ├── UsageError               2   never valid: a value out of range, options that contradict each other
    ├── AudioError               1   a recording that cannot be decoded or is empty
    ├── CorpusError              1   a folder or table of recordings that cannot be used for training or tests
    ├── DownloadError            1   a download that failed or does not match its checksum
    ├── ModelError               1   a missing, incomplete or changed model folder
    ├── PackageError             1   a missing package that an optional feature needs
    ├── DeviceError              1   a missing device, such as a GPU or a microphone
    ├── TrainingError            1   a run that cannot continue: a loss that is not a number, out of memory
    └── StorageError             1   a folder or file that cannot be written, or a list or config that cannot be read

Every message is one line: the subject, what was wrong, what was expected, and what to do. The parts are attributes, so
that no caller takes a message apart.
"""


class AudioEmotionError(Exception):
    """Base class of all errors that this package raises on purpose.

    Attributes:
        problem: what was wrong, and what was expected.
        subject: the file, model or address that it is about; empty: the problem says it.
        hint: what to do; empty: the problem says it.

    >>> error = AudioError("is empty (0 bytes), expected a recording", subject="a.wav", hint="record it again")
    >>> print(error)
    a.wav: is empty (0 bytes), expected a recording; record it again
    >>> error.subject, error.hint
    ('a.wav', 'record it again')
    """

    exit_code = 1

    def __init__(self, problem: str = "", *, subject: str = "", hint: str = "") -> None:
        super().__init__(problem)
        self.problem, self.subject, self.hint = problem, subject, hint

    def __str__(self) -> str:
        return f"{f'{self.subject}: ' if self.subject else ''}{self.problem}{f'; {self.hint}' if self.hint else ''}"


class UsageError(AudioEmotionError):
    """An argument that is never valid, on any machine: a value out of range, options that contradict each other."""

    exit_code = 2


class AudioError(AudioEmotionError):
    """A recording that cannot be decoded or is empty."""


class CorpusError(AudioEmotionError):
    """A collection of recordings that cannot be used for training or tests."""


class DownloadError(AudioEmotionError):
    """A download that failed or does not match its checksum."""


class ModelError(AudioEmotionError):
    """A missing, incomplete or changed model folder."""


class PackageError(AudioEmotionError):
    """A missing package that an optional feature needs."""


class DeviceError(AudioEmotionError):
    """A missing device, such as a GPU or a microphone."""


class TrainingError(AudioEmotionError):
    """A training run that cannot continue."""


class StorageError(AudioEmotionError):
    """A folder or file that cannot be written, or a list or config that cannot be read."""


class NoHomeError(StorageError):
    """No folder for models, runs and downloads: the user has no home directory, or no access to it."""


def reason(error: Exception) -> str:
    """Return the message of an error; of an OSError, without its number and file name."""
    return str(getattr(error, "strerror", None) or error)
