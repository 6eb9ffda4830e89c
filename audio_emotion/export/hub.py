"""A repository of the Hugging Face hub, or of a server that speaks as it does (extra ``hub``)."""

import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from audio_emotion.core.errors import DownloadError, PackageError, UsageError
from audio_emotion.core.packages import install_command

SCHEME = "hf://"
"""What the address of a repository begins with."""


@dataclass(frozen=True)
class Address:
    """Where a model is, or is to be.

    Attributes:
        repository: ``OWNER/NAME``.
        revision: a branch, tag or commit; None: the newest of the main branch.
    """

    repository: str
    revision: str | None = None

    @classmethod
    def parse(cls, text: str) -> "Address":
        """Read ``hf://OWNER/NAME`` or ``hf://OWNER/NAME@REVISION``. Raises :class:`UsageError` at anything else."""
        repository, _, revision = text.removeprefix(SCHEME).partition("@")
        if repository.count("/") != 1 or not all(repository.split("/")) or text.endswith("@"):
            raise UsageError(
                f"{text} names no repository; expected {SCHEME}OWNER/NAME, with @REVISION behind it or not"
            )
        return cls(repository, revision or None)

    def __str__(self) -> str:
        return f"{SCHEME}{self.repository}{f'@{self.revision}' if self.revision else ''}"


def push(address: Address, files: Mapping[str, Path | bytes], title: str, private: bool) -> str:
    """Commit files to a repository, which is made where there is none, and return the commit's address.

    Raises:
        UsageError: a revision is named.
        DownloadError: the hub cannot be reached, or refuses.
        PackageError: the extra ``hub`` is not installed.
    """
    if address.revision:
        raise UsageError(f"{address} names a revision, and a model is committed to the main branch; leave it out")
    library = _library()
    api = library.HfApi(endpoint=_named_hub(), library_name="audio-emotion")
    with _in_one_line("written", address):
        api.create_repo(address.repository, private=private, exist_ok=True)
        changes = [library.CommitOperationAdd(name, _giveable(content)) for name, content in files.items()]
        return str(api.create_commit(address.repository, changes, commit_message=title).commit_url)


@dataclass(frozen=True)
class Repository:
    """A repository at one commit.

    Attributes:
        address: where it is.
        commit: which one.
        files: what is in it, folders within it included.
    """

    address: Address
    commit: str
    files: tuple[str, ...]

    def fetch(self, names: Sequence[str], folder: Path) -> None:
        """Download some of its files. Raises :class:`DownloadError` where that fails."""
        library = _library()
        with _in_one_line("read", self.address):
            for name in names:
                library.hf_hub_download(
                    self.address.repository,
                    name,
                    revision=self.commit,
                    local_dir=folder,
                    endpoint=_named_hub(),
                    library_name="audio-emotion",
                )
        shutil.rmtree(folder / ".cache", ignore_errors=True)  # what the library notes of its downloads


def open_repository(address: Address) -> Repository:
    """Look up what a repository holds.

    Raises:
        DownloadError: there is none, or the hub cannot be reached.
        PackageError: the extra ``hub`` is not installed.
    """
    api = _library().HfApi(endpoint=_named_hub(), library_name="audio-emotion")
    with _in_one_line("read", address):
        found = api.model_info(address.repository, revision=address.revision)
        return Repository(address, found.sha, tuple(file.rfilename for file in found.siblings or ()))


@contextmanager
def _in_one_line(what: str, address: Address) -> Iterator[None]:
    """Raise every error of the library and its dependencies, which have many classes, as one line."""
    try:
        yield
    except Exception as error:
        why = " ".join(str(error).split()).rstrip(".") or type(error).__name__
        raise DownloadError(
            f"cannot be {what} ({why[:300]})",
            subject=str(address),
            hint="check the name and the network, and for a private "
            "repository log in with 'hf auth login' or set HF_TOKEN",
        ) from error


def _named_hub() -> str | None:
    """Return the hub that the environment names; the library itself looks once, when it is imported."""
    return os.environ.get("HF_ENDPOINT") or None


def _giveable(content: Path | bytes) -> str | bytes:
    return content if isinstance(content, bytes) else os.fspath(content)


def _library() -> Any:
    """Return the package, quiet; it reports usage to its maker unless it is switched off."""
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    try:
        import huggingface_hub
        from huggingface_hub.utils import disable_progress_bars, logging
    except ImportError as error:
        raise PackageError(
            f"repositories on the hub need a package that is not installed; run: {install_command('hub')}"
        ) from error
    disable_progress_bars()
    logging.set_verbosity_error()
    return huggingface_hub
