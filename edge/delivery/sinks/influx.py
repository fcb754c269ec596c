"""The v2 write API: InfluxDB 1.8 to 3, and VictoriaMetrics."""

import asyncio
from collections.abc import Sequence
from typing import Final

import urllib3
from influxdb_client.client.influxdb_client import InfluxDBClient
from influxdb_client.client.write_api import SYNCHRONOUS
from influxdb_client.rest import ApiException

from edge.delivery.entries import BOTH_LANES, Entry
from edge.delivery.sinks.http import BATCH, TIMEOUT_S, raise_for
from vitalwire.errors import UnavailableError


class InfluxSink:
    """Ready lines through `influxdb-client`, gzipped, with the client's own retries off.

    Its retries would end after 180 s, and keep what they wait for in memory: the outbox
    does both better.
    """

    lanes: Final = BOTH_LANES
    batch: Final = BATCH

    def __init__(
        self,
        url: str,
        bucket: str,
        org: str = "",
        token: str = "",
        name: str = "influxdb",
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        self.name = name
        self._url, self._bucket, self._org = url, bucket, org
        self._client = InfluxDBClient(
            url=url,
            token=token,
            org=org,
            enable_gzip=True,
            retries=False,
            timeout=round(timeout_s * 1000),
        )
        self._write_api = self._client.write_api(write_options=SYNCHRONOUS)

    async def deliver(self, entries: Sequence[Entry]) -> None:
        lines = [entry.line for entry in entries if entry.line is not None]
        if lines:
            await asyncio.to_thread(self._write, lines)

    def close(self) -> None:
        self._write_api.close()  # type: ignore[no-untyped-call]
        self._client.close()  # type: ignore[no-untyped-call]

    def _write(self, lines: list[str]) -> None:
        try:
            # Nanoseconds are its default.
            self._write_api.write(
                bucket=self._bucket, org=self._org, record="\n".join(lines).encode()
            )
        except ApiException as error:
            raise_for(self._url, error.status or 0, *_said(error))
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise UnavailableError(f"{self._url}: {error}: is the store running?") from error


def _said(error: ApiException) -> tuple[str, str | None]:
    """The body (or the reason, where there is none), and `Retry-After`."""
    body, headers = error.body, error.headers
    text = body.decode(errors="replace") if isinstance(body, bytes) else body
    return str(text or error.reason), None if headers is None else headers.get("Retry-After")
