"""What an HTTP answer of a time series store means for the lines that were sent."""

import json
from typing import Final

from edge.delivery.sinks.base import BusyError, RefusedError
from vitalwire.errors import UnavailableError

TIMEOUT_S: Final = 10.0
BATCH: Final = 5_000  # lines; the store's own advice

_SHOWN: Final = 300
_TOO_LARGE: Final = 413
_BUSY: Final = frozenset({429, 503})
_HINTS: Final = {
    401: "check the token or the password",
    403: "check what the token or the user may write",
    404: "check the URL, the bucket or database, and which API the store speaks",
}
# Said by InfluxDB 1.x and 2.x about lines. A bare 400 can also come from a proxy on the way,
# and must not make us give up the whole queue.
_ABOUT_LINES: Final = ("partial write", "unable to parse", "field type conflict")
_CODES_ABOUT_LINES: Final = frozenset({"invalid", "unprocessable entity"})


def raise_for(url: str, status: int, body: str, retry_after: str | None = None) -> None:
    """Return for 2xx.

    Raises
    ------
    RefusedError
        The store says that it will not take these lines, or not so many at once.
    UnavailableError
        Anything else: the queue waits until somebody has put it right.
    """
    if 200 <= status < 300:
        return
    said = f"{url}: HTTP {status}: {body.strip()[:_SHOWN]}"
    if status == _TOO_LARGE or (status in (400, 422) and _about_lines(body)):
        raise RefusedError(said)
    if status in _BUSY and retry_after is not None and retry_after.isdecimal():
        raise BusyError(said, float(retry_after))
    hint = _HINTS.get(status)
    raise UnavailableError(f"{said}: {hint}" if hint else said)


def _about_lines(body: str) -> bool:
    try:
        answer = json.loads(body)
    except ValueError:
        return False
    if not isinstance(answer, dict):
        return False
    said = str(answer.get("error") or answer.get("message") or "")
    return answer.get("code") in _CODES_ABOUT_LINES or any(
        words in said for words in _ABOUT_LINES
    )
