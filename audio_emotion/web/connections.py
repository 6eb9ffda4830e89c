"""Connections of the server: how many there are, and how long a request's head may take.

uvicorn limits what comes after a head; what never completes one costs a file descriptor each, until none is left.
"""

import asyncio
import logging
import sys
import time
from collections import Counter
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

BACKLOG = 100
"""Connections that are accepted before the server looks at any of them."""

_OTHER_FILES = 256  # descriptors for everything else: uploads, pipes to decode workers, connections just accepted
_LOG_EVERY_S = 60.0
_log = logging.getLogger("uvicorn.error")


class Connections:
    """All open connections; beyond ``most``, one is closed for each new one.

    The first to go are those without a complete head, of the address that has most of them, the oldest first.
    """

    def __init__(self, most: int, head_s: float) -> None:
        self.most, self.head_s = most, head_s
        self._open: dict[Connection, None] = {}  # the oldest first
        self._unfinished: dict[Connection, asyncio.TimerHandle] = {}
        self._n_closed, self._logged_at = 0, -_LOG_EVERY_S

    def add(self, connection: "Connection") -> None:
        self._open[connection] = None
        self.wait_for_head(connection)
        if len(self._open) > self.most:
            self._close(self._next_to_go())

    def remove(self, connection: "Connection") -> None:
        self._open.pop(connection, None)
        self.head_is_complete(connection)

    def wait_for_head(self, connection: "Connection") -> None:
        if connection not in self._unfinished and connection in self._open:
            timer = asyncio.get_running_loop().call_later(self.head_s, self._close, connection)
            self._unfinished[connection] = timer

    def head_is_complete(self, connection: "Connection") -> None:
        if timer := self._unfinished.pop(connection, None):
            timer.cancel()

    def _next_to_go(self) -> "Connection":
        if not self._unfinished:
            return next(iter(self._open))
        addresses = Counter(connection.address for connection in self._unfinished)
        ((greediest, _),) = addresses.most_common(1)
        return next(connection for connection in self._unfinished if connection.address == greediest)

    def _close(self, connection: "Connection") -> None:
        self.remove(connection)
        connection.transport.abort()
        self._n_closed += 1
        if time.monotonic() - self._logged_at >= _LOG_EVERY_S:  # not a line for each: an attack would fill the disk
            _log.warning(
                "closed %d connections without a complete request (open at once: at most %d, seconds for a head: %g); "
                "the next such message comes in %g s at the earliest",
                self._n_closed, self.most, self.head_s, _LOG_EVERY_S,
            )  # fmt: skip
            self._logged_at, self._n_closed = time.monotonic(), 0


class Connection(H11Protocol):
    """uvicorn's protocol, which tells :class:`Connections` what becomes of it."""

    def __init__(self, connections: Connections, **settings: Any) -> None:
        super().__init__(**settings)
        self._connections = connections
        self._is_stream = False

    @property
    def address(self) -> str:
        """The client's address."""
        return self.client[0] if self.client else ""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._connections.remove(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._is_stream:
            return
        if self.conn.their_state is h11.IDLE:  # a head is incomplete, perhaps the second one of this connection
            self._connections.wait_for_head(self)
        else:
            self._connections.head_is_complete(self)

    def handle_websocket_upgrade(self, event: h11.Request) -> None:
        self._is_stream = True
        self._connections.remove(self)
        super().handle_websocket_upgrade(event)


def raise_file_limit(wanted: int) -> int:
    """Let this process open more files, if it may; return how many connections it can hold, at most ``wanted``."""
    if sys.platform == "win32":
        return wanted
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = wanted + _OTHER_FILES
    if soft != resource.RLIM_INFINITY and soft < needed:
        soft = needed if hard == resource.RLIM_INFINITY else min(hard, needed)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return wanted if soft == resource.RLIM_INFINITY else max(1, min(wanted, soft - _OTHER_FILES))
