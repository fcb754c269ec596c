"""A model that fails while the gateway runs: the ward goes on, and is told."""

import asyncio
from pathlib import Path
from typing import Any

import numpy as np

from edge.config import EdgeSettings
from edge.daemon import Daemon
from edge.models import LoadedModels, RunningBundle
from edge.pipeline.models import BEAT_MODEL, BeatModel, EcgModels
from tests.edge.mqtt_client import SiteClient
from tests.edge.pipeline.streams import cut, even, piece
from tests.servers import HOST, Mosquitto
from tests.system.gateway import SITE
from vitalwire import topics
from vitalwire.contracts import Arrays, Beat, BeatClass, Event, Signal
from vitalwire.settings import BrokerSettings
from vitalwire.topics import Leaf

GATEWAY = "gateway-1"
ECG = EcgModels(
    BeatModel(tuple(BeatClass), {label: 0.5 for label in BeatClass if label is not BeatClass.N})
)
RUNNING = RunningBundle(
    "ecg-beat", 3, "0123456789ab", "pinned", "litert", "int8", "cpu", ("runs on the CPU",)
)


class Failing:
    """Says V; every third call fails, in one way or another."""

    def __init__(self) -> None:
        self._calls = 0

    def run(self, inputs: Arrays) -> Arrays:
        n = len(next(iter(inputs.values())))
        probability = np.eye(len(BeatClass), dtype=np.float32)[
            [list(BeatClass).index(BeatClass.V)] * n
        ]
        self._calls += 1
        if self._calls % 6 == 0:
            raise RuntimeError("Internal: out of memory")
        if self._calls % 3 == 0:
            probability[:] = np.nan
        return {"probability": probability, "activation": np.zeros((n, 20), np.float32)}


async def test_a_model_that_fails_stops_nobody_and_is_an_alarm(
    own_mosquitto: Mosquitto, tmp_path: Path
) -> None:
    events: list[Event] = []
    settings = EdgeSettings(
        site=SITE,
        data_dir=tmp_path / "data",
        broker=BrokerSettings(host=HOST, port=own_mosquitto.port),
    )
    models = LoadedModels({BEAT_MODEL: Failing()}, ECG, (RUNNING,))
    daemon, stop = Daemon(settings, models, events.append), asyncio.Event()
    running = asyncio.create_task(daemon.run(stop))
    with SiteClient(own_mosquitto.port) as client:
        await daemon.ready.wait()
        alarm = await asyncio.to_thread(play, client)
        status = await daemon.status()
        stop.set()
        await running
    labels = {event.label for event in events if isinstance(event, Beat)}
    assert labels == {BeatClass.V, BeatClass.Q}
    assert alarm["priority"] == "medium"
    assert "beats have no class" in alarm["message"]
    assert "ecg-beat: " in alarm["message"]
    (bundle,) = status.bundles
    assert (bundle["task"], bundle["digest12"]) == ("ecg-beat", "0123456789ab")
    assert bundle["notes"] == ("runs on the CPU",)


def play(client: SiteClient) -> Any:
    """Half a minute of beats; the gateway's alarm."""
    whole = piece(None, 0.0, 30.0)
    topic = topics.signal_topic(SITE, "w1", Signal.ECG, Leaf.CHUNK)
    for chunk in cut(whole, even(whole)):
        client.publish(topic, whole.encode(chunk))
    return client.wait_for_alarm("model_failed", "start", GATEWAY)


async def test_a_bundle_that_could_not_be_run_is_an_alarm_from_the_start(
    own_mosquitto: Mosquitto, tmp_path: Path
) -> None:
    settings = EdgeSettings(
        site=SITE,
        data_dir=tmp_path / "data",
        broker=BrokerSettings(host=HOST, port=own_mosquitto.port),
    )
    models = LoadedModels(problems={"ecg-rhythm": "model.int8.tflite is not what it was"})
    daemon, stop = Daemon(settings, models), asyncio.Event()
    running = asyncio.create_task(daemon.run(stop))
    with SiteClient(own_mosquitto.port) as client:
        alarm = await asyncio.to_thread(client.wait_for_alarm, "model_failed", "start", GATEWAY)
        stop.set()
        await running
    assert "model.int8.tflite is not what it was" in alarm["message"]
