"""The error that becomes a response."""

from starlette.exceptions import HTTPException

CLIENT_CLOSED = 499
"""The status that metrics count for a client that has left; nobody receives it."""


class RequestError(HTTPException):
    """A request without a result: a status of HTTP and one line, what was wrong, what was expected, what to do."""

    def __init__(self, status: int, reason: str, retry_after_s: int | None = None) -> None:
        headers = {} if retry_after_s is None else {"Retry-After": str(retry_after_s)}
        super().__init__(status, reason, headers)
