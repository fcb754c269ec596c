"""The sinks that the settings ask for."""

import time
from collections.abc import Awaitable, Callable

from pydantic import SecretStr

from edge.config import EdgeSettings, InfluxSettings
from edge.delivery.sinks.base import Sink
from edge.delivery.sinks.influx import InfluxSink
from edge.delivery.sinks.influx1 import Influx1Sink
from edge.delivery.sinks.mqtt import MqttSink
from edge.delivery.sinks.sqlite_store import SqliteStore

Publish = Callable[[str, bytes, int, bool], Awaitable[None]]


def make_sinks(settings: EdgeSettings, publish: Publish) -> list[Sink]:
    """Alarms to the broker always; points to SQLite and InfluxDB where they are wanted."""
    sinks: list[Sink] = [MqttSink(publish)]
    if settings.sqlite.enabled:
        path = settings.data_dir / "store.sqlite"
        sinks.append(SqliteStore(path, time.time_ns, max_bytes=settings.sqlite.max_bytes))
    if settings.influx:
        sinks.append(_influx(settings.influx))
    return sinks


def _influx(influx: InfluxSettings) -> Sink:
    if influx.api == "v1":
        return Influx1Sink(
            influx.url,
            influx.database,
            username=influx.username or "",
            password=_reveal(influx.password),
            timeout_s=influx.timeout_s,
        )
    return InfluxSink(
        influx.url,
        influx.bucket,
        influx.org,
        _reveal(influx.token),
        timeout_s=influx.timeout_s,
    )


def _reveal(secret: SecretStr | None) -> str:
    return secret.get_secret_value() if secret else ""
