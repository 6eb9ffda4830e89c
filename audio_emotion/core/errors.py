"""What can go wrong, as a tree.

    AudioEmotionError            exit code 1
    ├── UsageError               2   what can never be right: a value out of its range, options that contradict
    ├── AudioError               1   a recording that cannot be decoded or holds nothing to judge
    ├── CorpusError              1   a folder or table of recordings that cannot be trained or tested on
    ├── DownloadError            1   a download that failed or does not match its checksum
    ├── ModelError               1   a model folder that is absent, incomplete or altered
    ├── PackageError             1   a package that something further needs, which is not installed
    ├── DeviceError              1   a device, to compute on or to listen to, that is not there
    ├── TrainingError            1   a run that cannot go on: a loss that is no number, no memory left
    └── StorageError             1   a folder or file that cannot be written, or a list or config that cannot be read

Every message is one line: what was got, what was expected, what to do.
"""


class AudioEmotionError(Exception):
    """Base of every error that this package raises on purpose."""

    exit_code = 1


class UsageError(AudioEmotionError):
    """What can never be right, whatever is on this machine: a value out of its range, options that contradict."""

    exit_code = 2


class AudioError(AudioEmotionError):
    """A recording that cannot be decoded, or that holds no samples."""


class CorpusError(AudioEmotionError):
    """A collection of recordings that cannot be trained or tested on."""


class DownloadError(AudioEmotionError):
    """A download that failed, or whose content does not match its checksum."""


class ModelError(AudioEmotionError):
    """A model folder that is absent, incomplete or altered."""


class PackageError(AudioEmotionError):
    """A package that something further needs, which is not installed."""


class DeviceError(AudioEmotionError):
    """A device, to compute on or to listen to, that is not there."""


class TrainingError(AudioEmotionError):
    """A training run that cannot go on."""


class StorageError(AudioEmotionError):
    """A folder or file that cannot be written, or a file of the user's (a list, a config) that cannot be read."""


class NoHomeError(StorageError):
    """There is no folder for models, runs and downloads: the user has no home directory, or it cannot be entered."""


def reason(error: Exception) -> str:
    """Return what a failure says of itself; of one of the system's, its words without number and file name."""
    return str(getattr(error, "strerror", None) or error)
