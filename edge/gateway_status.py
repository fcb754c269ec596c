"""What a gateway says of itself: on its retained topic, and as a point in the stores."""

import os
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psutil

from edge.delivery.courier import SinkStatus
from edge.models import RunningBundle
from vitalwire import __version__


@dataclass(frozen=True, slots=True)
class GatewayStatus:
    """One look at the gateway; JSON on `gateway/{gateway}/status`."""

    online: bool
    version: str
    started_ns: int
    time_ns: int
    devices: int
    open_alarms: int
    chunks: int
    refused: Mapping[str, int]
    streams: Mapping[str, int]  # chunks late, lost, doubled ... of all streams, by reason
    discarded: int  # messages that memory had no room for; the broker brings them again
    patients: Mapping[str, str]  # who wears what, pseudonyms
    sinks: Sequence[Mapping[str, Any]]
    log_bytes: int
    evicted_bytes: int
    disk_free_bytes: int
    load: float
    rss_bytes: int
    bundles: Sequence[Mapping[str, Any]]  # what it runs: see `edge.models.RunningBundle`


def look(
    data_dir: Path,
    *,
    started_ns: int,
    devices: int,
    open_alarms: int,
    chunks: int,
    refused: Mapping[str, int],
    streams: Mapping[str, int],
    discarded: int,
    patients: Mapping[str, str],
    sinks: Sequence[SinkStatus],
    log_bytes: int,
    evicted_bytes: int,
    bundles: Sequence[RunningBundle],
) -> GatewayStatus:
    """Measure what only the machine knows, beside what the daemon gives."""
    return GatewayStatus(
        online=True,
        version=__version__,
        started_ns=started_ns,
        time_ns=time.time_ns(),
        devices=devices,
        open_alarms=open_alarms,
        chunks=chunks,
        refused=dict(refused),
        streams=dict(streams),
        discarded=discarded,
        patients=dict(patients),
        sinks=[asdict(sink) for sink in sinks],
        log_bytes=log_bytes,
        evicted_bytes=evicted_bytes,
        disk_free_bytes=shutil.disk_usage(data_dir).free,
        load=os.getloadavg()[0],
        rss_bytes=psutil.Process().memory_info().rss,
        bundles=[asdict(bundle) for bundle in bundles],
    )


def figures(status: GatewayStatus) -> dict[str, float | int]:
    """The status as numbers, for the `gateway` measurement."""
    return {
        "devices": status.devices,
        "open_alarms": status.open_alarms,
        "chunks": status.chunks,
        "refused": sum(status.refused.values()),
        "backlog": sum(sink["urgent"] + sink["bulk"] for sink in status.sinks),
        "log_bytes": status.log_bytes,
        "evicted_bytes": status.evicted_bytes,
        "disk_free_bytes": status.disk_free_bytes,
        "load": float(status.load),
        "rss_bytes": status.rss_bytes,
    }
