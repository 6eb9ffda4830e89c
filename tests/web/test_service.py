"""Uploads that mean harm."""

import io
import os
import stat
import zipfile
from pathlib import Path

import numpy as np
import pytest
import soundfile

from audio_emotion.web import service as module
from audio_emotion.web.uploads import display_name
from tests.sounds import encoded, voice
from tests.web.conftest import SAMPLE, served

SOUND = encoded(voice(1.0))


@pytest.fixture(scope="module")
def ten_hours() -> bytes:
    """Ten hours of silence, in a few hundred kilobytes."""
    file = io.BytesIO()
    with soundfile.SoundFile(file, "w", 1_000, 1, format="FLAC") as sound:
        hour = np.zeros(1_000 * 3600, np.int16)
        for _ in range(10):
            sound.write(hour)
    return file.getvalue()


def zip_bomb() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.wav", bytes(2**26))
    return file.getvalue()


def test_ten_hours_of_silence(ask, ten_hours):
    assert len(ten_hours) < 2**20
    for query in ("", "timeline=true"):
        response = ask(ten_hours, query)
        assert response.status_code == 413
        assert (
            response.json()["detail"]
            == "clip.wav: lasts longer than the 60 s allowed; cut it, or request a part with start and end"
        )
    assert ask(ten_hours, "start=7200&end=7203").json()["label"] == "no speech"


def test_a_length_that_no_header_states(ask):
    raw = encoded(voice(70.0, 8_000), 8_000, "AU")
    unstated = raw[:8] + b"\xff\xff\xff\xff" + raw[12:]
    assert ask(unstated).status_code == 413


@pytest.mark.parametrize(
    "content",
    [
        zip_bomb(),
        b"",
        b"RIFF\xff\xff\xff\xffWAVEfmt " + bytes(50),
        SOUND[:40],
        b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n",
        b"ffconcat version 1.0\nfile '/etc/passwd'\n",
        b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>",
        b"%PDF-1.7\n" + bytes(100),
        bytes(10_000),
    ],
    ids=["zip bomb", "empty", "header alone", "cut", "playlist", "concat", "svg", "pdf", "zeros"],
)
def test_what_is_no_recording_is_refused_in_one_line(ask, content):
    response = ask(content)
    assert response.status_code == 422
    assert response.json()["detail"].startswith("clip.wav: ")
    assert "\n" not in response.json()["detail"]


def test_a_polyglot_is_heard_as_what_it_sounds_like(ask):
    archive = SOUND + zip_bomb()
    assert ask(archive, name="both.zip").json()["end"] == pytest.approx(1.0, abs=0.01)
    page = ask(SOUND + b"<script>alert(1)</script>", name="<script>.html")
    assert page.headers["content-type"] == "application/json"
    assert page.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("../../../etc/passwd", "passwd"),
        ("C:\\Windows\\a.wav", "a.wav"),
        ("/tmp/x\nSet-Cookie: a", "x_Set-Cookie: a"),
        ("a\x00b.wav", "a_b.wav"),
        ("..", ".."),
        ("", "upload"),
        ("n" * 5000, "n" * 200),
        ("=cmd|' /C calc'!A0.wav", " C calc'!A0.wav"),
    ],
)
def test_names_lead_nowhere(name, shown):
    assert display_name(name).strip() == shown.strip() or "/" in name
    assert "/" not in display_name(name)
    assert display_name(name).isprintable()


def test_an_upload_is_private_and_gone_afterwards(client, ask, monkeypatch):
    seen, modes = [], []
    read = client.service._fast.workers.read

    def looking(path, settings):
        seen.append(Path(path))
        modes.append(tuple(stat.S_IMODE(place.stat().st_mode) for place in (Path(path), Path(path).parent)))
        return read(path, settings)

    monkeypatch.setattr(client.service._fast.workers, "read", looking)
    for content in (SAMPLE, b"nonsense"):
        ask(content, name="happy.wav")
    names = {path.name for path in seen}  # each is read twice: its header, then its sound
    assert len(names) == 2
    assert all(len(name) == 32 and "happy" not in name for name in names)
    if os.name != "nt":
        assert set(modes) == {(0o600, 0o700)}
    assert [path.name for path in seen[0].parent.iterdir()] == ["lock"]


def test_a_decoder_that_dies_takes_nobody_with_it(monkeypatch, tmp_path):
    monkeypatch.setattr(module.readers, "NAME", "tests.poison:read")
    with served(decode_s=1.0) as client:

        def post(content: bytes):
            return client.post("/v1/emotions", files={"file": ("x.wav", content)})

        crashed, hung, wrong = post(b"abort"), post(b"hang"), post(b"bug")
        assert (crashed.status_code, hung.status_code, wrong.status_code) == (422, 413, 500)
        assert crashed.json()["detail"].startswith("x.wav: its decoder was ended by signal")
        assert "longer than 1 s" in hung.json()["detail"]
        assert client.get("/healthz").status_code == 200
        assert post(b"1").status_code == 200


def test_an_answer_that_takes_too_long_is_given_up(ask):
    with served(answer_s=1e-6) as client:
        response = ask(SAMPLE, by=client)
    assert response.status_code == 413
    assert "predicting takes longer" in response.json()["detail"]


def test_a_model_that_fails_is_told_and_forgotten(client, ask, monkeypatch):
    runtime = client.service.model("").runtime
    with monkeypatch.context() as patch:
        patch.setattr(runtime._runtime, "outputs", lambda windows: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            ask(SAMPLE)
    assert ask(SAMPLE).status_code == 200
