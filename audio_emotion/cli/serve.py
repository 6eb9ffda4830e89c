"""``audio-emotion serve``."""

import os
import signal
import socket
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from audio_emotion.cli import _completion
from audio_emotion.cli._app import command, limited
from audio_emotion.cli._completion import one_of
from audio_emotion.cli._messages import note
from audio_emotion.cli._options import Device
from audio_emotion.core.errors import PackageError, StorageError, UsageError, reason
from audio_emotion.core.packages import install_command
from audio_emotion.core.paths import display_path
from audio_emotion.models.checkpoint import default_model, stored
from audio_emotion.web.settings import ServeConfig

if TYPE_CHECKING:
    from uvicorn import Server

EXAMPLES = """
    audio-emotion serve
    audio-emotion serve --port 0 --model mine --model default
    audio-emotion serve --host 0.0.0.0 --token-file token
"""

_NEEDS = {  # module → package
    "fastapi": "fastapi",
    "fastapi_offline": "fastapi-offline",
    "multipart": "python-multipart",
    "prometheus_client": "prometheus-client",
    "uvicorn": "uvicorn",
    "websockets": "websockets",
}
_DEFAULTS = ServeConfig()
_FINISH_S = 60  # for requests at work when the server is asked to stop


@command
def serve(
    host: Annotated[
        str, typer.Option(help="Address to listen on.", metavar="HOST", rich_help_panel="Network")
    ] = _DEFAULTS.host,
    port: Annotated[
        int,
        typer.Option(
            help="Port to listen on. 0: any free port.", metavar="N", min=0, max=65_535, rich_help_panel="Network"
        ),
    ] = 8000,
    token_file: Annotated[
        Path | None,
        typer.Option(help="File with the token that requests need.", metavar="FILE", rich_help_panel="Network"),
    ] = None,
    insecure: Annotated[
        bool, typer.Option("--insecure", help="Let other machines connect without a token.", rich_help_panel="Network")
    ] = False,
    allow_host: Annotated[
        list[str] | None,
        typer.Option(
            help="Also accept this host name, for example behind a proxy. Repeat it for several.",
            metavar="HOST",
            rich_help_panel="Network",
        ),
    ] = None,
    root_path: Annotated[
        str,
        typer.Option(help="Path prefix behind a proxy, such as /emotions.", metavar="PATH", rich_help_panel="Network"),
    ] = _DEFAULTS.root_path,
    model: Annotated[
        list[str] | None,
        typer.Option(
            help="Name of a stored model, or a model folder. The first one is the default. Without it: all stored "
            "models.",
            metavar="MODEL",
            rich_help_panel="Model",
            autocompletion=_completion.models,
        ),
    ] = None,
    device: Device = _DEFAULTS.device,
    backend: Annotated[
        str,
        typer.Option(
            help="Back end: auto, onnx, onnx-int8 or torch.",
            metavar="NAME",
            rich_help_panel="Model",
            autocompletion=one_of(*_completion.BACKENDS),
        ),
    ] = _DEFAULTS.backend,
    jobs: Annotated[
        int | None,
        typer.Option(
            "--jobs", "-j", help="Recordings to decode in parallel.", metavar="N", min=1, rich_help_panel="Limits"
        ),
    ] = None,
    max_queue: Annotated[
        int, typer.Option(help="Recordings that may wait; more get 429.", metavar="N", min=0, rich_help_panel="Limits")
    ] = _DEFAULTS.max_queue,
    max_streams: Annotated[
        int, typer.Option(help="Concurrent streams; more get 429.", metavar="N", min=1, rich_help_panel="Limits")
    ] = _DEFAULTS.max_streams,
    max_connections: Annotated[
        int, typer.Option(help="Concurrent connections; more get 503.", metavar="N", min=1, rich_help_panel="Limits")
    ] = _DEFAULTS.max_connections,
    max_windows: Annotated[
        int, typer.Option(help="Maximum number of windows of a request.", metavar="N", min=1, rich_help_panel="Limits")
    ] = _DEFAULTS.max_windows,
    max_upload: Annotated[
        float,
        typer.Option(
            help="Maximum size of an upload.", metavar="MIB", callback=limited(0, above=True), rich_help_panel="Limits"
        ),
    ] = _DEFAULTS.upload_bytes / 2**20,
    max_duration: Annotated[
        float,
        typer.Option(
            help="Maximum duration of a recording or stream.",
            metavar="MINUTES",
            callback=limited(0, above=True),
            rich_help_panel="Limits",
        ),
    ] = _DEFAULTS.duration_s / 60,
    decode_timeout: Annotated[
        float,
        typer.Option(
            help="Decoding timeout per hour of audio.",
            metavar="SECONDS",
            callback=limited(0, above=True),
            rich_help_panel="Limits",
        ),
    ] = _DEFAULTS.decode_s,
    answer_timeout: Annotated[
        float,
        typer.Option(
            help="Timeout for decoding and predicting a recording.",
            metavar="SECONDS",
            callback=limited(0, above=True),
            rich_help_panel="Limits",
        ),
    ] = _DEFAULTS.answer_s,
    body_timeout: Annotated[
        float,
        typer.Option(
            help="Timeout for an upload to arrive.",
            metavar="SECONDS",
            callback=limited(0, above=True),
            rich_help_panel="Limits",
        ),
    ] = _DEFAULTS.body_s,
    idle_timeout: Annotated[
        float,
        typer.Option(
            help="Timeout for a connection without data.",
            metavar="SECONDS",
            callback=limited(0, above=True),
            rich_help_panel="Limits",
        ),
    ] = _DEFAULTS.idle_s,
    head_timeout: Annotated[
        float,
        typer.Option(
            help="Timeout for the head of a request to arrive.",
            metavar="SECONDS",
            callback=limited(0, above=True),
            rich_help_panel="Limits",
        ),
    ] = _DEFAULTS.head_s,
) -> None:
    """Serve a web page and a REST API, by default for this machine only."""
    _check_installed()
    config = ServeConfig(
        host=host,
        models=tuple(model) if model else (default_model(), *(name for name in stored() if name != default_model())),
        device=device,
        backend=backend,
        token=_token(token_file) if token_file else None,
        hosts=tuple(allow_host or ()),
        root_path=root_path.rstrip("/"),
        jobs=jobs or max(2, min(16, os.cpu_count() or 1)),
        max_queue=max_queue,
        max_streams=max_streams,
        max_connections=max_connections,
        max_windows=max_windows,
        upload_bytes=round(max_upload * 2**20),
        duration_s=60 * max_duration,
        decode_s=decode_timeout,
        answer_s=answer_timeout,
        body_s=body_timeout,
        idle_s=idle_timeout,
        head_s=head_timeout,
    )
    if not config.is_local and config.token is None and not insecure:
        raise UsageError(
            f"other machines can reach {host} and no token is set; add --token-file FILE, or --insecure to let "
            "everyone use it"
        )
    with listening(host, port) as bound:
        server = server_of(config)
        url_host = f"[{host}]" if ":" in host else host
        note(f"serving on http://{url_host}:{bound.getsockname()[1]}/ (Ctrl-C stops it)")
        # at SIGTERM uvicorn finishes the requests at work, then raises the signal again
        signal.signal(signal.SIGTERM, lambda *_: None)
        server.run(sockets=[bound])
    if not server.started:
        raise typer.Exit(1)


def _check_installed() -> None:
    if missing := [package for name, package in _NEEDS.items() if find_spec(name) is None]:
        raise PackageError(
            f"the service needs packages that are not installed ({', '.join(missing)}); run: {install_command('web')}"
        )


def _token(file: Path) -> str:
    try:
        return file.read_text("utf-8").strip()
    except (OSError, ValueError) as error:
        raise StorageError(
            f"cannot be read ({reason(error)})", subject=display_path(file), hint="expected a file with a token"
        ) from error


def listening(host: str, port: int) -> socket.socket:
    """Return a socket that listens, so that an address in use is reported before a model is loaded."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        bound = socket.socket(family, kind, protocol)
    except OSError as error:
        raise UsageError(f"cannot listen on {host} ({reason(error)}); use an address of this machine") from error
    try:
        if os.name != "nt":
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(address)
        bound.listen()
    except OSError as error:
        bound.close()
        raise UsageError(f"cannot listen on {host}:{port} ({reason(error)}); choose another --port") from error
    return bound


def server_of(config: ServeConfig) -> "Server":
    """Return a server whose first model is loaded; it closes the service when it ends.

    Raises:
        AudioEmotionError: a model cannot be loaded, no decode worker starts, or there is no folder for uploads.
    """
    import uvicorn

    from audio_emotion.web.app import create_app
    from audio_emotion.web.connections import BACKLOG, Connection, Connections, raise_file_limit
    from audio_emotion.web.service import InferenceService

    service = InferenceService(config)
    try:
        service.start()
    except BaseException:
        service.close()
        raise
    connections = Connections(raise_file_limit(config.max_connections), config.head_s)
    return uvicorn.Server(
        uvicorn.Config(
            create_app(service),
            http=partial(Connection, connections),  # type: ignore[arg-type]  # called as the class would be
            lifespan="on",
            ws_max_size=2**20,
            ws_max_queue=4,
            log_level="warning",
            access_log=False,
            server_header=False,
            proxy_headers=False,
            backlog=BACKLOG,
            timeout_graceful_shutdown=_FINISH_S,
        )
    )
