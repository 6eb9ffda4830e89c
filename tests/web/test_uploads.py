"""Uploads in every shape that clients send, and what becomes of their files."""

import errno
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

pytest.importorskip("fastapi", reason="needs the extra `web`")

from audio_emotion.core.errors import StorageError
from audio_emotion.web import uploads
from audio_emotion.web.uploads import UploadFolder
from tests.conftest import ROOT
from tests.web.conftest import SAMPLE

CONTENT = SAMPLE.read_bytes()


def post_part(client, parameters: str, headers: str = ""):
    """Send the sample as a multipart part with these parameters of its Content-Disposition."""
    head = f"--B\r\nContent-Disposition: form-data{parameters}\r\n{headers}\r\n".encode()
    body = head + CONTENT + b"\r\n--B--\r\n"
    return client.post("/v1/emotions", content=body, headers={"Content-Type": "multipart/form-data; boundary=B"})


@pytest.mark.parametrize(
    ("parameters", "name"),
    [
        ('; name="file"; filename="happy.wav"', "happy.wav"),
        ("; name=file; filename=happy.wav", "happy.wav"),
        ("; name=\"file\"; filename*=UTF-8''Gr%C3%B6%C3%9Fe.wav", "Größe.wav"),
        ('; name="file"; filename="x.wav"; filename*=UTF-8\'\'Gr%C3%B6%C3%9Fe.wav', "Größe.wav"),
        ('; name="file"; filename="Größe.wav"', "Größe.wav"),
        ('; name="file"; filename="a%22b;c.wav"', 'a"b;c.wav'),
        ('; name="file"', "upload"),
    ],
)
def test_a_part_called_file_is_predicted_whatever_its_header(client, parameters, name):
    response = post_part(client, parameters)
    assert response.status_code == 200, response.text
    assert response.json()["file"] == name


def test_a_parameter_in_the_body_is_refused_because_it_would_have_no_effect(client):
    response = client.post("/v1/emotions", files={"file": CONTENT}, data={"timeline": "true", "language": "en"})
    assert response.status_code == 422
    assert response.json()["detail"].startswith("timeline: is a part of the body, expected in the query")
    assert client.post("/v1/emotions", files={"file": CONTENT}, data={"language": "en"}).status_code == 200


def test_every_query_parameter_is_known(client):
    parameters = client.get("/openapi.json").json()["paths"]["/v1/emotions"]["post"]["parameters"]
    assert {each["name"] for each in parameters if each["in"] == "query"} == uploads.PARAMETERS


@pytest.mark.parametrize("kind", ["audio/wav", "multipart/form-data; boundary=B"])
def test_a_client_that_leaves_while_it_sends_is_no_error(client, kind):
    folder = client.service.uploads._folder
    before = sorted(folder.iterdir())
    messages = [{"type": "http.request", "body": b"--B\r\n", "more_body": True}, {"type": "http.disconnect"}]
    sent = []

    async def receive():
        return messages.pop(0)

    async def send(message):
        sent.append(message)

    headers = [(b"host", b"localhost"), (b"content-type", kind.encode())]
    scope = {"type": "http", "method": "POST", "path": "/v1/emotions", "raw_path": b"/v1/emotions", "root_path": "",
             "query_string": b"", "headers": headers, "http_version": "1.1", "scheme": "http"}  # fmt: skip
    client.portal.call(client.app, scope, receive, send)
    assert sent[0]["status"] == 499
    assert sorted(folder.iterdir()) == before


@pytest.mark.parametrize(
    ("headers", "name"),
    [
        ({"Content-Type": "audio/wav"}, "upload"),
        ({"Content-Type": "video/mp4; codecs=x"}, "upload"),
        ({"Content-Type": "application/octet-stream"}, "upload"),
        ({"Content-Type": "audio/wav", "Content-Disposition": 'attachment; filename="happy.wav"'}, "happy.wav"),
    ],
)
def test_a_recording_can_be_the_body_itself(client, headers, name):
    response = client.post("/v1/emotions", content=CONTENT, headers=headers)
    assert response.status_code == 200, response.text
    assert response.json()["file"] == name


@pytest.mark.parametrize(
    ("content", "headers", "status", "reason"),
    [
        (b"{}", {"Content-Type": "application/json"}, 422, "file: a body of 'application/json', expected a multipart"),
        (b"x", {}, 422, "file: no Content-Type, expected a multipart"),
        (b"", {"Content-Type": "multipart/form-data"}, 400, "names no boundary"),
        (b"no parts", {"Content-Type": "multipart/form-data; boundary=B"}, 400, "cannot be read"),
        (b"", {"Content-Type": "multipart/form-data; boundary=B"}, 422, "file: no part has this name"),
        (b"--B--\r\n", {"Content-Type": "multipart/form-data; boundary=" + 300 * "B"}, 400, "cannot be read"),
        (
            101 * b"--B\r\nA: b\r\n\r\nx\r\n" + b"--B--\r\n",
            {"Content-Type": "multipart/form-data; boundary=B"},
            400,
            "parts",
        ),
    ],
)
def test_what_is_not_an_upload_is_told_what_is_expected(client, content, headers, status, reason):
    response = client.post("/v1/emotions", content=content, headers=headers)
    assert (response.status_code, list(response.json())) == (status, ["detail"])
    assert reason in response.json()["detail"]


def test_another_name_or_two_parts_are_refused(client):
    assert "no part has this name" in post_part(client, '; name="audio"; filename="a.wav"').json()["detail"]
    response = client.post("/v1/emotions", files=[("file", ("a.wav", CONTENT)), ("file", ("b.wav", CONTENT))])
    assert response.status_code == 422
    assert "two parts have this name; send one recording" in response.json()["detail"]


def test_other_fields_are_passed_over(client):
    response = client.post("/v1/emotions", data={"note": "x" * 2000}, files={"file": ("a.wav", CONTENT)})
    assert response.json()["file"] == "a.wav"


def test_a_full_disk_is_told_in_one_line_and_leaves_nothing(client, monkeypatch):
    class Full:
        def __init__(self, path):
            self.file = path.open("wb")

        def __enter__(self):
            return self

        def __exit__(self, *_):
            self.file.close()

        def write(self, content):
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(uploads, "create", Full)
    response = client.post("/v1/emotions", files={"file": ("a.wav", CONTENT)})
    assert response.status_code == 507
    assert "no space for the upload on the server (No space left on device)" in response.json()["detail"]
    assert [path.name for path in client.service.uploads.new_path().parent.iterdir()] == ["lock"]


def test_without_a_folder_for_temporary_files_there_is_one_line(monkeypatch):
    def none():
        raise FileNotFoundError(2, "No usable temporary directory found in ['/tmp', '/var/tmp']")

    monkeypatch.setattr(tempfile, "gettempdir", none)
    with pytest.raises(StorageError, match=r"no folder for uploads .*; mount a writable /tmp, or set TMPDIR"):
        UploadFolder()


@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGKILL")
def test_the_next_start_removes_what_a_killed_server_left(tmp_path, monkeypatch):
    program = (
        "import sys, time; from audio_emotion.web.uploads import UploadFolder; folder = UploadFolder()\n"
        "folder.new_path().write_bytes(b'secret'); print(folder._folder, flush=True); time.sleep(60)"
    )
    environment = os.environ | {"TMPDIR": str(tmp_path)}
    with subprocess.Popen(
        [sys.executable, "-c", program], cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True
    ) as process:
        left = Path(process.stdout.readline().strip())
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
        other = UploadFolder()
        assert left.exists()  # its server is alive
        process.send_signal(signal.SIGKILL)
        process.wait(10)
    for _ in range(50):
        if not left.exists():
            break
        UploadFolder().close()
        time.sleep(0.1)
    assert not left.exists()
    assert other.new_path().parent.exists()
    other.close()
    assert list(tmp_path.iterdir()) == []
