"""The 1.x write endpoint, which `influxdb-client` does not speak."""

import asyncio
import gzip
from collections.abc import Sequence
from typing import Final
from urllib.parse import urlencode

import urllib3

from edge.delivery.entries import BOTH_LANES, Entry
from edge.delivery.sinks.http import BATCH, TIMEOUT_S, raise_for
from vitalwire.errors import UnavailableError

_LEVEL: Final = 1  # of gzip: nine tenths of the gain for a fifth of a Raspberry Pi's time


class Influx1Sink:
    """Ready lines to `/write` of InfluxDB 1.x, gzipped."""

    lanes: Final = BOTH_LANES
    batch: Final = BATCH

    def __init__(
        self,
        url: str,
        database: str,
        username: str = "",
        password: str = "",
        retention_policy: str = "",
        name: str = "influxdb",
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        self.name = name
        query = {"db": database, "rp": retention_policy, "precision": "ns"}
        self._url = f"{url.rstrip('/')}/write?" + urlencode(
            {k: v for k, v in query.items() if v}
        )
        self._headers = {
            "Content-Encoding": "gzip",
            "Content-Type": "text/plain; charset=utf-8",
        }
        if username:
            # In a header: a password in the URL would end up in error messages.
            self._headers |= urllib3.make_headers(basic_auth=f"{username}:{password}")
        self._http = urllib3.PoolManager(retries=False, timeout=timeout_s)

    async def deliver(self, entries: Sequence[Entry]) -> None:
        lines = [entry.line for entry in entries if entry.line is not None]
        if lines:
            await asyncio.to_thread(self._write, lines)

    def close(self) -> None:
        self._http.clear()

    def _write(self, lines: list[str]) -> None:
        body = gzip.compress("\n".join(lines).encode(), _LEVEL)
        try:
            answer = self._http.request("POST", self._url, body=body, headers=self._headers)
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise UnavailableError(f"{self._url}: {error}: is the store running?") from error
        text = answer.data.decode(errors="replace")
        raise_for(self._url, answer.status, text, answer.headers.get("Retry-After"))
