import hashlib
import io
import json
import threading
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from audio_emotion.core.errors import DownloadError, UsageError
from audio_emotion.corpora.download import RECORDS, fetch

CLIP = "Actor_07/03-01-05-02-01-02-07.wav"
Replies = dict[str, tuple[int, bytes]]


def archive(content: bytes = b"sound" * 1000) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as zipped:
        zipped.writestr(CLIP, content)
    return buffer.getvalue()


class Publisher:
    """A publisher's server: what it says of its archive, and the archive it gives."""

    def __init__(self) -> None:
        publisher = self
        self.gives_up_after: int | None = None  # bytes of the archive

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                status, body = publisher.replies.get(self.path, (404, b"no such page"))
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body[: publisher.gives_up_after] if self.path == "/archive" else body)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.server.server_address[1]}"
        self.replies: Replies = {}
        self.publish("Audio_Speech_Actors_01-24.zip", archive())

    def publish(self, name: str, body: bytes, checksum: str | None = None) -> None:
        checksum = checksum or f"md5:{hashlib.md5(body).hexdigest()}"
        links = {"self": f"{self.address}/archive"}
        record = {"files": [{"key": "other.zip"}, {"key": name, "links": links, "checksum": checksum}]}
        self.replies = {"/record": (200, json.dumps(record).encode()), "/archive": (200, body)}


@pytest.fixture
def publisher() -> Iterator[Publisher]:
    publisher = Publisher()
    thread = threading.Thread(target=publisher.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield publisher
    publisher.server.shutdown()
    publisher.server.server_close()
    thread.join()


def fetch_from(publisher: Publisher, corpus: str = "ravdess") -> tuple[Path, list[tuple[str, int, int, str]]]:
    steps: list[tuple[str, int, int, str]] = []
    return fetch(corpus, f"{publisher.address}/record", lambda *step: steps.append(step)), steps


def everything(home: Path) -> list[str]:
    return sorted(path.relative_to(home).as_posix() for path in home.rglob("*") if path.is_file())


def test_success(publisher: Publisher, home: Path):
    folder, steps = fetch_from(publisher)
    assert folder == home / "corpora" / "ravdess"
    assert everything(home) == [f"corpora/ravdess/{CLIP}"]
    assert list((home / "corpora").iterdir()) == [folder]
    assert (folder / CLIP).read_bytes() == b"sound" * 1000
    assert steps[-1][1] == steps[-1][2] == len(publisher.replies["/archive"][1])


def test_the_song_and_emodb_archives_have_folders_of_their_own(publisher: Publisher, home: Path):
    publisher.publish("Audio_Song_Actors_01-24.zip", archive())
    assert fetch_from(publisher, "ravdess-song")[0] == home / "corpora" / "ravdess-song"
    publisher.publish("emodb.zip", archive())
    assert fetch_from(publisher, "emodb")[0] == home / "corpora" / "emodb"
    assert RECORDS["ravdess"] == RECORDS["ravdess-song"]


def test_a_second_download_replaces_the_first(publisher: Publisher, home: Path):
    fetch_from(publisher)
    (home / "corpora" / "ravdess" / "old.wav").touch()
    fetch_from(publisher)
    assert everything(home) == [f"corpora/ravdess/{CLIP}"]


def break_checksum(publisher: Publisher) -> None:
    publisher.publish("Audio_Speech_Actors_01-24.zip", archive(), f"md5:{'0' * 32}")


def break_directory(publisher: Publisher) -> None:
    publisher.publish("Audio_Speech_Actors_01-24.zip", archive()[:-30])


def break_content(publisher: Publisher) -> None:
    body = bytearray(archive(bytes(range(256)) * 40))
    body[len(CLIP) + 40 : len(CLIP) + 60] = b"\xff" * 20  # within the compressed bytes
    publisher.publish("Audio_Speech_Actors_01-24.zip", bytes(body))


def break_off(publisher: Publisher) -> None:
    publisher.gives_up_after = 50


def lose_archive(publisher: Publisher) -> None:
    del publisher.replies["/archive"]


def lose_record(publisher: Publisher) -> None:
    del publisher.replies["/record"]


def garble_record(publisher: Publisher) -> None:
    publisher.replies["/record"] = (200, b"<html>")


def rename_archive(publisher: Publisher) -> None:
    publisher.publish("Audio_Speech.zip", archive())


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (break_checksum, "does not match the record's checksum; nothing was kept"),
        (break_directory, "the archive cannot be unpacked"),
        (break_content, "the archive cannot be unpacked"),
        (break_off, "nothing was kept, try again"),
        (lose_archive, "download failed"),
        (lose_record, "no usable description of Audio_Speech_Actors_01-24.zip"),
        (garble_record, "no usable description"),
        (rename_archive, "no usable description"),
    ],
)
@pytest.mark.parametrize("before", [False, True])
def test_a_failure_leaves_everything_as_it_was(publisher: Publisher, home: Path, damage, words: str, before: bool):
    if before:
        (home / "corpora" / "ravdess").mkdir(parents=True)
        (home / "corpora" / "ravdess" / "old.wav").touch()
    damage(publisher)
    with pytest.raises(DownloadError, match=words) as error:
        fetch_from(publisher)
    assert "\n" not in str(error.value)
    assert everything(home) == (["corpora/ravdess/old.wav"] if before else [])
    assert [path.name for path in (home / "corpora").glob("*")] == (["ravdess"] if before else [])


def test_the_server_is_gone(publisher: Publisher, home: Path):
    address = f"{publisher.address}/record"
    publisher.server.shutdown()
    publisher.server.server_close()
    with pytest.raises(DownloadError, match="check the network"):
        fetch("ravdess", address, lambda *step: None)
    assert not everything(home)


@pytest.mark.parametrize(
    ("corpus", "address"),
    [
        ("savee", "ask for access with the form at http://kahlan.eps.surrey.ac.uk/savee/Download.html"),
        ("crema-d", "https://github.com/CheyneyComputerScience/CREMA-D"),
        ("tess", "https://doi.org/10.5683/SP2/E8H2MF"),
    ],
)
def test_what_cannot_be_downloaded_says_where_it_is(home: Path, corpus: str, address: str):
    with pytest.raises(DownloadError, match=address):
        fetch(corpus, None, lambda *step: None)
    assert not home.exists()


def test_an_unknown_corpus(home: Path):
    with pytest.raises(UsageError, match="unknown corpus 'iemocap'; there are: ravdess, "):
        fetch("iemocap", None, lambda *step: None)
