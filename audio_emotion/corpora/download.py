"""Corpora from their publishers: checked against the record's own checksum, unpacked as a whole or not at all."""

import http.client
import json
import tempfile
import urllib.error
import urllib.request
import zipfile
import zlib
from pathlib import Path
from typing import Any

from audio_emotion.core import paths
from audio_emotion.core.errors import DownloadError
from audio_emotion.corpora import adapter_of
from audio_emotion.corpora.base import Progress

_RAVDESS = "https://zenodo.org/api/records/1188976"
RECORDS = {
    "ravdess": _RAVDESS,
    "ravdess-song": _RAVDESS,
    "emodb": "https://zenodo.org/api/records/7447302",
}
"""Where each corpus's record describes its files."""

_ARCHIVES = {
    "ravdess": "Audio_Speech_Actors_01-24.zip",
    "ravdess-song": "Audio_Song_Actors_01-24.zip",
    "emodb": "emodb.zip",
}
_TIMEOUT_S = 30


def fetch(corpus: str, record: str | None, progress: Progress) -> Path:
    """Download and unpack a corpus into ``corpora/NAME`` of the user data folder; return that folder.

    ``record`` is the address of a Zenodo record's JSON description, which gives the archive's address and md5; None:
    the corpus's own.

    Raises:
        UsageError: no such corpus.
        DownloadError: the record, or the archive, cannot be had, or does not match the record's checksum; or the
            corpus has no archive to download, and then the message says where to get it.
        StorageError: the folder cannot be written.
    """
    adapter = adapter_of(corpus)
    if corpus not in _ARCHIVES:
        raise DownloadError(f"{adapter.title} cannot be downloaded from here: {adapter.obtain}")
    url, checksum = _archive(record or RECORDS[corpus], _ARCHIVES[corpus])
    target = paths.corpora_dir() / corpus
    with (
        paths.writing(target) as folder,
        tempfile.TemporaryDirectory(dir=folder, prefix=".download.") as scratch,  # goes with it where it is killed
    ):
        archive = _retrieve(url, checksum, Path(scratch), progress)
        try:
            with zipfile.ZipFile(archive) as content:
                content.extractall(folder)
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError) as error:
            raise DownloadError(
                f"the archive cannot be unpacked ({error})", subject=str(url), hint="nothing was kept, try again"
            ) from error
    return target


def _archive(record: str, name: str) -> tuple[str, str]:
    """Return the address and the ``md5:...`` checksum that the record gives for one of its files."""
    try:
        with urllib.request.urlopen(record, timeout=_TIMEOUT_S) as reply:
            files: list[dict[str, Any]] = json.load(reply)["files"]
        (entry,) = (file for file in files if file["key"] == name)
        return entry["links"]["self"], entry["checksum"]
    except (urllib.error.URLError, http.client.HTTPException, OSError, ValueError, KeyError, TypeError) as error:
        raise DownloadError(
            f"no usable description of {name} there ({error})", subject=str(record), hint="check the network"
        ) from error


def _retrieve(url: str, checksum: str, folder: Path, progress: Progress) -> Path:
    import pooch
    import requests

    pooch.get_logger().setLevel("ERROR")
    downloader = pooch.HTTPDownloader(progressbar=_Bar(progress), timeout=_TIMEOUT_S)
    try:
        return Path(pooch.retrieve(url, checksum, path=folder, downloader=downloader))
    except ValueError as error:
        raise DownloadError(
            "the download does not match the record's checksum", subject=str(url), hint="nothing was kept, try again"
        ) from error
    except (requests.RequestException, OSError) as error:
        raise DownloadError(
            f"download failed ({error})", subject=str(url), hint="nothing was kept, try again"
        ) from error


class _Bar:
    """The progress bar that pooch drives."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self.total = 0
        self._done = 0

    def update(self, size: int) -> None:
        self._done += size
        self._progress("downloading (bytes)", self._done, max(self.total, self._done), "")

    def reset(self) -> None:
        self._done = 0

    def close(self) -> None:
        self._progress("downloading (bytes)", self._done, max(self.total, self._done), "")
