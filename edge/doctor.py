"""Checks what a gateway needs before it is trusted: broker, store, clock, disk, folder."""

import asyncio
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

import urllib3

from edge.assignments import Assignments
from edge.chunklog.lock import FolderLock
from edge.chunklog.reader import FOLDER
from edge.config import EdgeSettings, InfluxSettings
from edge.models import TASKS, load_models
from edge.mqtt import MqttLink
from vitalwire import messages, topics
from vitalwire.contracts import Receipt
from vitalwire.errors import BundleError, InputError, UnavailableError
from vitalwire.topics import Leaf

_EARLIEST_S: Final = 1_704_067_200  # 2024-01-01: a clock before it was never set
_FREE_SHARE: Final = 0.05
_BROKER_S: Final = 5.0


class Verdict(StrEnum):
    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found, and what to do about it."""

    check: str
    verdict: Verdict
    detail: str


def examine(settings: EdgeSettings) -> Iterator[Finding]:
    """Run every check; none changes anything but a probe file that is removed again."""
    checks: list[tuple[str, Callable[[EdgeSettings], tuple[Verdict, str]]]] = [
        ("broker", _broker),
        ("store", _store),
        ("clock", _clock),
        ("disk", _disk),
        ("data folder", _folder),
        ("assignments", _assignments),
        ("bundles", _bundles),
    ]
    for name, check in checks:
        try:
            verdict, detail = check(settings)
        except (InputError, BundleError, UnavailableError, OSError) as error:
            verdict, detail = Verdict.FAIL, " ".join(str(error).split())
        yield Finding(name, verdict, detail)


def _broker(settings: EdgeSettings) -> tuple[Verdict, str]:
    """Publish as an alarm would be, and read it back.

    Reading back is the point: under MQTT 3.1.1 a broker acknowledges what its ACL drops.
    """
    where = f"{settings.broker.host}:{settings.broker.port}"
    topic = topics.device_topic(settings.site, "doctor", Leaf.RECEIPT)

    note = Receipt("doctor", "doctor", True, "a check of the broker", time.time_ns())

    async def round_trip() -> float:
        start = time.monotonic()
        name = f"vitalwire-doctor-{os.getpid()}"
        async with MqttLink(settings.broker, name, [topic], clean=True) as link:
            await link.first_connection(_BROKER_S)
            async with asyncio.timeout(_BROKER_S):
                await link.publish(topic, messages.dump(note))
                await link.receive(1)
        return time.monotonic() - start

    try:
        took_s = asyncio.run(round_trip())
    except TimeoutError:
        detail = (
            f"{where} accepts the connection, but what is published to {topic} does not come "
            "back: check the broker's ACL for this user"
        )
        return Verdict.FAIL, detail
    return Verdict.OK, f"{where} takes messages and gives them back ({took_s * 1e3:.0f} ms)"


def _store(settings: EdgeSettings) -> tuple[Verdict, str]:
    if settings.influx is None:
        if settings.sqlite.enabled:
            return Verdict.OK, f"embedded SQLite at {settings.data_dir / 'store.sqlite'}"
        return Verdict.WARN, "no store is configured: only the broker hears of anything"
    return _influx(settings.influx)


def _influx(influx: InfluxSettings) -> tuple[Verdict, str]:
    http = urllib3.PoolManager(timeout=5.0, retries=False)
    for path in ("/ping", "/health"):
        try:
            answer = http.request("GET", influx.url.rstrip("/") + path)
        except urllib3.exceptions.HTTPError as error:
            return Verdict.FAIL, f"{influx.url} does not answer: {error}: check [influx] url"
        if answer.status < 300:
            version = answer.headers.get("X-Influxdb-Version", "")
            return _version_fits(influx, version)
    return Verdict.FAIL, f"{influx.url} answers {answer.status}: is this InfluxDB?"


def _version_fits(influx: InfluxSettings, version: str) -> tuple[Verdict, str]:
    told = f"{influx.url} answers{f', version {version}' if version else ''}"
    old = version.lstrip("v").startswith(tuple(f"1.{minor}." for minor in range(8)))
    if influx.api == "v2" and old:
        return Verdict.FAIL, f'{told}: it has no v2 API, set [influx] api = "v1"'
    return Verdict.OK, told


def _clock(settings: EdgeSettings) -> tuple[Verdict, str]:
    del settings
    if time.time() < _EARLIEST_S:
        return Verdict.FAIL, "the clock was never set: start systemd-timesyncd or chrony"
    if Path("/run/systemd/timesync/synchronized").exists():
        return Verdict.OK, "synchronised by systemd-timesyncd"
    if shutil.which("chronyc"):
        told = subprocess.run(
            ["chronyc", "-n", "tracking"],
            capture_output=True,
            text=True,
            timeout=5,
            check=False,
        )
        if told.returncode == 0 and "Leap status     : Normal" in told.stdout:
            return Verdict.OK, "synchronised by chrony"
    return Verdict.WARN, "set, but no sign of NTP: enable systemd-timesyncd or chrony"


def _disk(settings: EdgeSettings) -> tuple[Verdict, str]:
    folder = _existing(settings.data_dir)
    usage = shutil.disk_usage(folder)
    wanted = settings.log.max_bytes + settings.outbox.max_bytes + settings.sqlite.max_bytes
    free, bound = usage.free / 2**30, wanted / 2**30
    detail = f"{free:.1f} GiB free at {folder}, the bounds add up to {bound:.1f} GiB"
    if usage.free < _FREE_SHARE * usage.total:
        return Verdict.FAIL, f"{detail}: free space, it is nearly full"
    held = sum(file.stat().st_size for file in settings.data_dir.rglob("*") if file.is_file())
    if usage.free + held < wanted:
        return Verdict.WARN, f"{detail}: lower [log] max_bytes, or the disk fills first"
    return Verdict.OK, detail


def _folder(settings: EdgeSettings) -> tuple[Verdict, str]:
    folder = settings.data_dir
    if not folder.exists():
        parent = _existing(folder)
        if os.access(parent, os.W_OK):
            return Verdict.OK, f"{folder} will be made"
        return Verdict.FAIL, f"{folder} cannot be made: {parent} is not writable for this user"
    probe = folder / f".doctor-{os.getpid()}"
    probe.write_bytes(b"")
    probe.unlink()
    if (folder / FOLDER).is_dir():
        try:
            FolderLock(folder / FOLDER).release()
        except InputError:
            return Verdict.OK, f"{folder} is writable; a gateway is running on it"
    return Verdict.OK, f"{folder} is writable"


def _assignments(settings: EdgeSettings) -> tuple[Verdict, str]:
    if settings.assignments is None:
        return Verdict.WARN, "none: alarms name devices, not patients"
    Assignments.parse(settings.assignments.read_text())
    return Verdict.OK, f"{settings.assignments} can be read"


def _bundles(settings: EdgeSettings) -> tuple[Verdict, str]:
    """Load them as the gateway does: found is not yet fit to run."""
    loaded = load_models(settings)
    told = [
        f"{one.task} {one.version} ({one.digest12}, {one.trusted_by}) in {one.runtime} "
        f"{one.precision} on {one.provider}"
        for one in loaded.bundles
    ]
    told += [f"{task}: {problem}" for task, problem in loaded.problems.items()]
    told += [note for one in loaded.bundles for note in one.notes]
    if loaded.problems:
        return Verdict.FAIL, "; ".join(told)
    if loaded.ecg.beat is None:
        told.append("no ecg-beat: beats are found, not classified")
    if loaded.ecg.rhythm is None:
        told.append("no ecg-rhythm: nobody watches for fibrillation")
    if loaded.eeg.seizure is None:
        told.append("no eeg-seizure: nobody watches for seizures")
    plain = len(loaded.bundles) == len(TASKS) and not any(one.notes for one in loaded.bundles)
    return Verdict.OK if plain else Verdict.WARN, "; ".join(told)


def _existing(folder: Path) -> Path:
    while not folder.exists():
        folder = folder.parent
    return folder
