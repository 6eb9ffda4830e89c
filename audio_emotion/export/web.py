"""A static web page that recognizes emotion in the browser: the page, the model, and ONNX Runtime Web.

ONNX Runtime Web is fetched from a registry of npm's kind at a pinned version and checksum, and three of its files are
kept. The page loads nothing from elsewhere and sends nothing.
"""

import json
import shutil
import tarfile
from pathlib import Path

from audio_emotion.core import paths
from audio_emotion.core.errors import DownloadError, UsageError
from audio_emotion.core.templates import render
from audio_emotion.export.variants import plain_graph
from audio_emotion.models import checkpoint
from audio_emotion.models.checkpoint import GRAPH, ModelConfig

REGISTRY = "https://registry.npmjs.org"
VERSION = "1.30.0"
_SHA256 = "d2228df7e4616bc3348bf504ee888f3bec43789a273f0a63f3e68d203ce3bf71"
_KEPT = ("ort.wasm.min.mjs", "ort-wasm-simd-threaded.mjs", "ort-wasm-simd-threaded.wasm")
_TIMEOUT_S = 60
_OWN = Path(__file__).parent / "page"
_WEB = Path(__file__).parent.parent / "web"  # the service's page, whose markup and modules this one shares
_STYLE = _WEB / "static"
_MODULES = ("bars", "colours", "downloads", "draw", "i18n", "merge", "player", "segments", "timeline")
_SHARED = ("page.css", "icon.svg", *(f"{name}.js" for name in _MODULES))


def write_page(model_folder: Path, target: Path, registry: str = REGISTRY) -> None:
    """Write a page for a model into ``target``, which is replaced if it holds such a page.

    Raises:
        UsageError: the model has no graph of the waveform, or ``target`` holds something else.
        ModelError: the model's folder is incomplete.
        DownloadError: ONNX Runtime Web cannot be fetched, or is not what it should be.
        StorageError: ``target`` cannot be written.
    """
    config = checkpoint.read(model_folder)
    if config.graph != "waveform":
        raise UsageError(
            f"the model {config.name!r} has no ONNX graph that takes sound as it is, which a browser needs; "
            "choose one of another architecture"
        )
    if target.exists() and not _is_ours(target):
        raise UsageError(
            "contains something other than a page",
            subject=paths.display_path(target),
            hint="name a new or an empty folder",
        )
    import onnx

    archive = _fetched(registry)
    with paths.writing(target) as folder:
        for source in (*_OWN.iterdir(), *(_STYLE / name for name in _SHARED)):
            if source.is_file():
                shutil.copyfile(source, folder / source.name)
        shutil.copytree(_STYLE / "messages", folder / "messages")
        (folder / "index.html").write_text(markup(), "utf-8")
        onnx.save(plain_graph(model_folder / GRAPH, config, ("logits", "speech")), folder / GRAPH)
        (folder / "model.json").write_text(json.dumps(_described(config), indent=1) + "\n", "utf-8")
        _unpack(archive, folder)


def markup() -> str:
    """Return the page's HTML: that of the service, without what needs a server."""
    return render(_WEB / "templates" / "page.html.j2", exported=True, root="")


def _is_ours(target: Path) -> bool:
    if not target.is_dir():
        return False
    names = {path.name for path in target.iterdir()}
    return not names or {"index.html", "model.json", *_KEPT} <= names


def _described(config: ModelConfig) -> dict[str, object]:
    return {
        "name": config.name,
        "labels": list(config.labels),
        "sampling_rate": config.sampling_rate,
        "window_samples": config.window_samples,
        "temperature": config.temperature,
        "speech_threshold": config.speech_threshold,
        "licence": config.training.get("licence", "unknown licence"),
        "runtime": f"ONNX Runtime Web {VERSION}, MIT",
    }


def _fetched(registry: str) -> Path:
    import pooch
    import requests

    url = f"{registry.rstrip('/')}/onnxruntime-web/-/onnxruntime-web-{VERSION}.tgz"
    pooch.get_logger().setLevel("ERROR")
    name, folder = f"onnxruntime-web-{VERSION}.tgz", paths.cache_dir() / "browser"
    try:
        downloader = pooch.HTTPDownloader(timeout=_TIMEOUT_S)
        return Path(pooch.retrieve(url, f"sha256:{_SHA256}", name, folder, downloader=downloader))
    except ValueError as error:
        raise DownloadError(
            "the download does not match its checksum", subject=str(url), hint="nothing was written"
        ) from error
    except (requests.RequestException, OSError) as error:
        raise DownloadError(
            f"download failed ({error}); nothing was written",
            subject=str(url),
            hint="try again, or name another --registry",
        ) from error


def _unpack(archive: Path, folder: Path) -> None:
    """Take the files that are kept out of the archive, one by one: it has no say in where they go."""
    with tarfile.open(archive) as content:
        for name in _KEPT:
            member = content.extractfile(f"package/dist/{name}")
            assert member is not None
            with member, (folder / name).open("wb") as target:
                shutil.copyfileobj(member, target)
