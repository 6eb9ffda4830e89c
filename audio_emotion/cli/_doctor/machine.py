"""Checks of this machine: devices, decoders, microphones, writable folders."""

import platform
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path

from audio_emotion.cli._doctor.findings import Finding
from audio_emotion.core import paths
from audio_emotion.core.errors import AudioEmotionError, DeviceError, NoHomeError, reason
from audio_emotion.core.packages import install_command

_DECODERS = ("aac", "alac", "flac", "mp3", "opus", "vorbis")
_LITTLE_GIB = 1.0


def examine_devices(versions: Mapping[str, str | None]) -> Iterator[Finding]:
    """Check the devices, and which one ``infer`` uses; torch is only imported if there is a graphics card."""
    from audio_emotion.inference import backends

    yield Finding("devices", "cpu", "ok", f"{platform.machine()}, {backends.cores()} cores")
    if n_cards := backends.cuda_cards():
        yield _cuda(n_cards, versions["torch"])
    else:
        yield Finding("devices", "cuda", "ok", "no NVIDIA card with a driver (torch was not imported)")
    if backends.is_apple_silicon():
        yield Finding("devices", "mps", "ok", f"Apple silicon, {_torch(versions['torch'])}")
    yield Finding("devices", "selected", "ok", f"infer uses {backends.choose_device('auto')}")


def _cuda(n_cards: int, torch: str | None) -> Finding:
    from audio_emotion.inference.backends import choose_device

    message = f"{n_cards} NVIDIA card(s), {_torch(torch)}"
    try:
        choose_device("cuda")
    except DeviceError:
        fix = "install a torch with CUDA, see pytorch.org; without it the CPU is used"
        return Finding("devices", "cuda", "note", f"{message}, which cannot use them", fix)
    return Finding("devices", "cuda", "ok", message)


def _torch(has: str | None) -> str:
    return f"torch {has}" if has else "no torch"


def examine_decoders() -> Iterator[Finding]:
    """Check the libraries that decode recordings."""
    again = "pip install --force-reinstall {}"
    try:
        import soundfile

        message = f"soundfile {soundfile.__version__}, libsndfile {soundfile.__libsndfile_version__}: "
        yield Finding(
            "audio", "soundfile", "ok", message + ", ".join(sorted(soundfile.available_formats())), needed=True
        )
    except (ImportError, OSError) as error:
        fix = again.format("soundfile") + ", or install libsndfile (apt-get install libsndfile1)"
        yield Finding("audio", "soundfile", "fail", f"cannot be loaded ({reason(error)})", fix, needed=True)
    try:
        import av

        codec = ".".join(map(str, av.library_versions["libavcodec"]))
        known = [name for name in _DECODERS if name in av.codec.codecs_available]
        yield Finding(
            "audio", "pyav", "ok", f"PyAV {av.__version__}, libavcodec {codec}: {', '.join(known)}", needed=True
        )
    except (ImportError, OSError) as error:
        yield Finding("audio", "pyav", "fail", f"cannot be loaded ({reason(error)})", again.format("av"), needed=True)
    try:
        import soxr

        yield Finding("audio", "soxr", "ok", f"soxr {soxr.__version__} resamples", needed=True)
    except (ImportError, OSError) as error:
        yield Finding("audio", "soxr", "fail", f"cannot be loaded ({reason(error)})", again.format("soxr"), needed=True)


def examine_microphones() -> Iterator[Finding]:
    """Check the microphones for ``listen``."""
    if not find_spec("sounddevice"):
        message = "skipped: the package sounddevice is not installed"
        yield Finding("microphone", "portaudio", "note", message, install_command("live"))
        return
    from audio_emotion.inference.live import PortAudio

    try:
        devices = PortAudio().devices()
    except AudioEmotionError as error:  # PortAudio is missing, and the message says how to install it
        yield Finding("microphone", "portaudio", "note", error.problem, error.hint)
        return
    if not devices:
        fix = "connect one, and check that the system lists it and that this program may use it"
        yield Finding("microphone", "portaudio", "note", "PortAudio finds no input device", fix)
        return
    default = next((device.name for device in devices if device.is_default), "none")
    yield Finding("microphone", "portaudio", "ok", f"{len(devices)} input device(s); default: {default}")


def examine_folders() -> Iterator[Finding]:
    """Check that models, runs, downloads and decoded recordings can be written."""
    yield _folder("data", paths.home, "models, runs and downloads", "AUDIO_EMOTION_HOME")
    yield _folder("cache", paths.cache_dir, "decoded recordings", "AUDIO_EMOTION_CACHE")
    try:
        tempfile.gettempdir()
    except OSError as error:
        message = f"no folder for temporary files, which serve and export need ({reason(error)})"
        yield Finding("folders", "temporary", "fail", message, "mount a writable /tmp, or set TMPDIR")


def _folder(name: str, get_folder: Callable[[], Path], purpose: str, variable: str) -> Finding:
    try:
        folder = get_folder()
    except NoHomeError as error:
        return Finding("folders", name, "note", f"{error.problem}: nowhere to put {purpose}", error.hint)
    there = next(parent for parent in (folder, *folder.parents) if parent.exists())
    message = f"{paths.display_path(folder)} for {purpose}"
    try:
        with tempfile.TemporaryFile(dir=there):
            pass
        free_gib = shutil.disk_usage(there).free / 2**30
    except OSError as error:
        where = "" if there == folder else f"; it would be created in {paths.display_path(there)}"
        fix = f"make it writable, or set {variable} to a folder that is"
        return Finding("folders", name, "fail", f"{message} is not writable ({reason(error)}){where}", fix)
    if free_gib < _LITTLE_GIB:
        fix = f"free space there, or set {variable} to a folder on another disk"
        return Finding("folders", name, "note", f"{message}: {free_gib:.2f} GiB free", fix)
    there_yet = "" if there == folder else ", created when needed"
    return Finding("folders", name, "ok", f"{message}: writable, {free_gib:.0f} GiB free{there_yet}")
