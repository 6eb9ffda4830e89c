"""The container image: its files, and the environment that it would hold."""

import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from tests.conftest import ROOT

DOCKERFILE = (ROOT / "Dockerfile").read_text("utf-8")


def test_the_dockerfile_is_in_order():
    if (
        hadolint := shutil.which("hadolint", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    ) is None:
        pytest.skip("needs hadolint")
    told = subprocess.run([hadolint, ROOT / "Dockerfile"], capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stdout


def test_it_serves_as_nobody_in_particular_and_is_asked_whether_it_lives():
    *_, last = DOCKERFILE.split("\nFROM ")
    lines = last.splitlines()
    assert [line for line in lines if line.startswith("USER")] == ["USER 10001"]
    assert 'ENTRYPOINT ["audio-emotion", "serve"' in last
    assert any(line.startswith("HEALTHCHECK") and "image-health" in line for line in lines)
    wanted = [line.removeprefix("!") for line in (ROOT / ".dockerignore").read_text().splitlines() if line[0] == "!"]
    assert all((ROOT / name).exists() for name in wanted)


def test_compose_names_the_same_port_and_secret():
    service = yaml.safe_load((ROOT / "compose.yaml").read_text("utf-8"))
    (name,) = service["services"]
    told = service["services"][name]
    assert told["ports"] == ["127.0.0.1:8000:8000"], "for this machine alone"
    assert "EXPOSE 8000" in DOCKERFILE
    assert told["secrets"] == list(service["secrets"])
    assert f"/run/secrets/{told['secrets'][0]}" in DOCKERFILE
    assert told["read_only"]


@pytest.mark.slow
def test_what_the_image_holds_serves(tmp_path: Path):
    made = subprocess.run(
        [sys.executable, ROOT / "scripts" / "image-environment", tmp_path / "env", "web"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert made.returncode == 0, made.stderr
    programs = tmp_path / "env" / ("Scripts" if sys.platform == "win32" else "bin")
    assert not list((tmp_path / "env").rglob("torch")), "a gigabyte that nobody asked for"
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    environment |= {"AUDIO_EMOTION_HOME": str(tmp_path / "models")}
    command = [programs / "audio-emotion", "serve", "--host", "0.0.0.0", "--port", port, "--insecure"]
    server = subprocess.Popen(command, cwd=tmp_path, env=environment, stderr=subprocess.DEVNULL)
    try:
        asked = [programs / "python", ROOT / "scripts" / "image-health", port]
        end = time.monotonic() + 60
        while subprocess.run(asked, stderr=subprocess.DEVNULL, check=False).returncode and server.poll() is None:
            assert time.monotonic() < end
            time.sleep(0.5)
        assert server.poll() is None
    finally:
        server.terminate()
        assert server.wait(timeout=60) == 0
    assert subprocess.run(asked, capture_output=True, check=False).returncode == 1, "nobody is there any more"
