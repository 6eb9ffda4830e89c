"""The settings of a service."""

import re
import socket
from dataclasses import dataclass
from functools import cache
from ipaddress import ip_address
from pathlib import Path

from audio_emotion.core.errors import UsageError
from audio_emotion.core.schema import above, check, number
from audio_emotion.models.checkpoint import DEFAULT

MIN_TOKEN = 16
"""Characters of a token, at least: a shorter one could be guessed."""

MIN_HOP_S, MAX_WINDOW_S = 0.1, 30.0
"""Limits of a timeline: the work for a second of sound grows with window / hop."""


@dataclass(frozen=True, slots=True)
class ServeConfig:
    """Where a service listens, what it serves, and what a request may cost.

    Attributes:
        host: the address to listen on.
        models: names of stored models, or model folders; the first is used where a request names none.
        device: as for :func:`audio_emotion.load_model`.
        backend: likewise.
        token: what every request has to show; None: nothing.
        hosts: further names of this machine that requests may use.
        root_path: the path that a proxy serves the service under, such as ``/emotions``.
        jobs: decode workers, and so recordings that are decoded at once; half as many more for long ones.
        max_queue: further recordings that may wait or arrive; beyond them 429.
        max_streams: streams at once; beyond them 429.
        max_connections: connections at once; beyond them the oldest without a complete request is closed.
        max_windows: windows of the model that a request may need.
        upload_bytes: of a request's body.
        duration_s: seconds of sound in a recording or stream.
        decode_s: seconds of decoding for each started hour of sound.
        memory_bytes: what a decoder may need in addition to what it needs at rest; Linux only.
        answer_s: seconds of decoding and predicting a recording.
        body_s: seconds for a request's body to arrive.
        idle_s: seconds without a byte of a body, or without samples of a stream.
        head_s: seconds for a request's head to arrive.
        batch_wait_s: seconds that windows wait for others to share their batch.

    Raises:
        UsageError: a limit that is not above 0, no model or two of one name, a token that could be guessed, or a root
            path that is none.
    """

    host: str = "127.0.0.1"
    models: tuple[str, ...] = (DEFAULT,)
    device: str = "auto"
    backend: str = "auto"
    token: str | None = None
    hosts: tuple[str, ...] = ()
    root_path: str = ""
    jobs: int = above(2, 0)
    max_queue: int = number(30, 0)
    max_streams: int = above(8, 0)
    max_connections: int = above(1000, 0)
    max_windows: int = above(50_000, 0)
    upload_bytes: int = above(100 * 2**20, 0, unit="bytes")
    duration_s: float = above(3600.0, 0, unit="s")
    decode_s: float = above(30.0, 0, unit="s")
    memory_bytes: int = above(2**30, 0, unit="bytes")
    answer_s: float = above(300.0, 0, unit="s")
    body_s: float = above(120.0, 0, unit="s")
    idle_s: float = above(10.0, 0, unit="s")
    head_s: float = above(10.0, 0, unit="s")
    batch_wait_s: float = number(0.003, 0.0, unit="s")

    def __post_init__(self) -> None:
        check(self)
        if not self.models:
            raise UsageError("no model; expected at least one")
        names = [Path(name).name for name in set(self.models)]
        if duplicates := {name for name in names if names.count(name) > 1}:
            raise UsageError(f"several models have the name {min(duplicates)}; rename one")
        if self.root_path and not re.fullmatch(r"(/[A-Za-z0-9._~-]+)+", self.root_path):
            raise UsageError(f"the root path is {self.root_path!r}, expected a path such as /emotions")
        if self.token is not None and (len(self.token) < MIN_TOKEN or not self.token.isascii()):
            raise UsageError(
                f"the token has {len(self.token)} characters, expected at least {MIN_TOKEN} of ASCII; "
                'make one with: python -c "import secrets; print(secrets.token_urlsafe())"'
            )

    @property
    def is_local(self) -> bool:
        """Whether only this machine can connect."""
        return is_loopback(self.host)

    def knows_host(self, name: str) -> bool:
        """Tell whether a request may use this name (lower case, without port) for this machine.

        Otherwise a page of another site whose name is made to point here (DNS rebinding) could send requests and read
        the results. An address is no such name; and where a token is needed, that page has none.
        """
        is_open = self.token is not None and not self.hosts
        if not self.is_local and (is_open or is_ip_address(name) or name in _own_names()):
            return True
        return name in {each.lower() for each in (*self.hosts, self.host, "localhost", "127.0.0.1", "::1")}


@cache
def _own_names() -> frozenset[str]:
    name = socket.gethostname()
    return frozenset(each.lower() for each in (name, f"{name}.local", socket.getfqdn()))


def is_loopback(host: str) -> bool:
    """Tell whether an address, or the name ``localhost``, can be reached from this machine only."""
    return host == "localhost" or (is_ip_address(host) and ip_address(host).is_loopback)


def is_ip_address(host: str) -> bool:
    """Tell whether a host is an address, not a name."""
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
