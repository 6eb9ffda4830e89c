"""A sound system without a sound card: what is played into it is what its microphone hears."""

import importlib.util
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from audio_emotion.core.errors import DeviceError
from audio_emotion.inference.live import PortAudio

_SERVER = """
load-module module-native-protocol-unix socket={socket} auth-anonymous=1
{microphone}
"""
LOUDSPEAKER = """load-module module-null-sink sink_name=mic
set-default-source mic.monitor
set-default-sink mic"""
_ALSA = """
pcm.!default { type pulse }
ctl.!default { type pulse }
"""


def missing() -> str | None:
    """Return what is not installed; None where all is there."""
    absent = [program for program in ("pulseaudio", "paplay") if shutil.which(program) is None]
    absent += ["sounddevice"] * (importlib.util.find_spec("sounddevice") is None)
    plugins = [
        path for root in ("/usr/lib", "/usr/lib64") for path in Path(root).glob("**/libasound_module_pcm_pulse.so")
    ]
    absent += ["ALSA's plugin for PulseAudio"] * (not plugins)
    if not absent:
        try:
            PortAudio()
        except DeviceError:
            absent = ["PortAudio"]
    return f"needs {', '.join(absent)}" if absent else None


@contextmanager
def server(folder: Path, microphone: str = LOUDSPEAKER) -> Iterator[dict[str, str]]:
    """Run a server of our own; give the environment in which programs find it, and no other.

    What it hears is what ``microphone`` says in its own language: if nothing else, what it plays.
    """
    for name in ("home", "run"):
        (folder / name).mkdir(mode=0o700)
    socket = folder / "socket"
    (folder / "pa.conf").write_text(_SERVER.format(socket=socket, microphone=microphone))
    (folder / "home" / ".asoundrc").write_text(_ALSA)
    places = {
        "HOME": folder / "home",
        "XDG_RUNTIME_DIR": folder / "run",
        "PULSE_RUNTIME_PATH": folder / "run" / "pulse",
    }
    environment = os.environ | {name: str(path) for name, path in places.items()}
    command = [
        "pulseaudio",
        "-n",
        "-F",
        str(folder / "pa.conf"),
        "--exit-idle-time=-1",
        "--daemonize=no",
        "--use-pid-file=no",
    ]
    with (
        (folder / "log").open("w") as log,
        subprocess.Popen(command, env=environment, stderr=log, stdout=log) as process,
    ):
        try:
            until = time.monotonic() + 15
            while not socket.exists():
                if process.poll() is not None or time.monotonic() > until:
                    raise RuntimeError((folder / "log").read_text())
                time.sleep(0.05)
            yield environment | {"PULSE_SERVER": f"unix:{socket}"}
        finally:
            process.terminate()
