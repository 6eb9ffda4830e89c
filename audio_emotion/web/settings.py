"""What a service is told when it starts."""

from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

from audio_emotion.core.errors import UsageError
from audio_emotion.models.checkpoint import DEFAULT

LEAST_TOKEN = 16
"""Characters of a token, at least: a shorter one can be guessed."""

MIN_HOP_S, MAX_WINDOW_S = 0.1, 30.0
"""What a request may ask of a timeline: how much work a second of sound makes grows with window / hop."""


@dataclass(frozen=True, slots=True)
class ServeConfig:
    """Where a service listens, what it serves, and what a request may cost.

    Attributes:
        host: the address to listen on.
        models: names of stored models, or model folders; the first answers where a request names none.
        device: as for :func:`audio_emotion.load_model`.
        backend: likewise.
        token: what every request has to show; None: nothing.
        hosts: names that a request may call this machine by, beside those of ``host``.
        jobs: decode workers, and so recordings that are read at once.
        max_queue: recordings that may wait, or be on their way in, beside those; further ones are refused with 429.
        max_streams: streams at once; further ones are refused with 429.
        upload_bytes: of a request's body.
        duration_s: seconds of sound in a recording, or a stream.
        decode_s: seconds that a decoder may take for each begun hour of sound.
        memory_bytes: what a decoder may take beside what it needs at rest; Linux only.
        answer_s: seconds that a recording may take once it is read.
        body_s: seconds for a request's body to arrive.
        idle_s: seconds without a byte after which a body, or without a message after which a stream, is given up.
        batch_wait_s: seconds that windows wait for others to be put through the model with.

    Raises:
        UsageError: a limit that is not above 0, no model or two of one name, or a token that can be guessed.
    """

    host: str = "127.0.0.1"
    models: tuple[str, ...] = (DEFAULT,)
    device: str = "auto"
    backend: str = "auto"
    token: str | None = None
    hosts: tuple[str, ...] = ()
    jobs: int = 2
    max_queue: int = 30
    max_streams: int = 8
    upload_bytes: int = 100 * 2**20
    duration_s: float = 3600.0
    decode_s: float = 30.0
    memory_bytes: int = 2**30
    answer_s: float = 300.0
    body_s: float = 120.0
    idle_s: float = 10.0
    batch_wait_s: float = 0.003

    def __post_init__(self) -> None:
        limits = ("jobs", "max_streams", "upload_bytes", "duration_s", "decode_s", "memory_bytes", "answer_s")
        for name in (*limits, "body_s", "idle_s"):
            if not getattr(self, name) > 0:
                raise UsageError(f"the limit {name} is {getattr(self, name)}, expected more than 0")
        if self.max_queue < 0:
            raise UsageError(f"the limit max_queue is {self.max_queue}, expected 0 or more")
        if not self.models:
            raise UsageError("no model is named; expected at least one")
        called = [Path(name).name for name in set(self.models)]
        if twice := {name for name in called if called.count(name) > 1}:
            raise UsageError(
                f"several models are called {min(twice)}, and a request could not tell them apart; rename one"
            )
        if self.token is not None and (len(self.token) < LEAST_TOKEN or not self.token.isascii()):
            raise UsageError(
                f"the token has {len(self.token)} characters, expected at least {LEAST_TOKEN} of ASCII; "
                'make one with: python -c "import secrets; print(secrets.token_urlsafe())"'
            )

    @property
    def is_local(self) -> bool:
        """Whether nobody outside this machine can connect."""
        return is_loopback(self.host)

    @property
    def known_hosts(self) -> frozenset[str] | None:
        """What a request may call this machine, in lower case; None: anything.

        On a loopback address it must be a name of its own: else a page from elsewhere whose name is made to point
        here (DNS rebinding) could ask, and read the answers.
        """
        if not self.is_local and not self.hosts:
            return None
        return frozenset(name.lower() for name in (*self.hosts, self.host, "localhost", "127.0.0.1", "::1"))


def is_loopback(host: str) -> bool:
    """Tell whether an address, or the name ``localhost``, is reached from this machine alone."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
