"""Chunk in, alarm out: an EEG with a seizure through real runtimes, from a bundle on disk."""

import asyncio
from pathlib import Path

import pytest

from edge.config import EdgeSettings, ModelSettings
from edge.daemon import Daemon
from edge.models import LoadedModels, bundle_models
from edge.offline import analyze
from edge.results import events_of
from edge.runtimes.loading import RuntimeChoice
from tests.edge.mqtt_client import SiteClient
from tests.edge.pipeline.eeg_streams import (
    alarms,
    chunks,
    encode,
    log,
    spans_s,
    told,
    with_seizure,
)
from tests.edge.runtimes.small import Small, make_bundle
from tests.servers import HOST, Mosquitto
from tests.system.gateway import SITE
from vitalwire.contracts import AlarmPhase, Probabilities, Signal
from vitalwire.settings import BrokerSettings
from vitalwire.topics import Leaf, signal_topic


def loaded(folder: Path, seizure: Small, runtime: RuntimeChoice) -> LoadedModels:
    bundle = make_bundle(folder / "bundle", seizure)
    return bundle_models([bundle], ModelSettings(runtime=runtime, precision="fp32"))


@pytest.mark.parametrize("runtime", ["onnxruntime", "litert"])
def test_a_seizure_is_an_alarm_in_every_runtime(
    seizure: Small, tmp_path: Path, runtime: RuntimeChoice
) -> None:
    models = loaded(tmp_path, seizure, runtime)
    those = chunks(with_seizure(18, 70.0))
    events = events_of(analyze(log(those), models=models.models, eeg=models.eeg))
    (start, *_) = alarms(events)
    assert start.phase is AlarmPhase.START
    ((onset_s, _),) = spans_s(events)
    assert onset_s == pytest.approx(40.0, abs=1.0)
    # The same arithmetic as the stand-in's, so the same word each second.
    said = [one.values[1] for one in events if isinstance(one, Probabilities)]
    other = [one.values[1] for one in told(those) if isinstance(one, Probabilities)]
    assert said == pytest.approx(other, abs=1e-3)


async def test_a_seizure_goes_from_the_broker_through_the_daemon_to_the_broker(
    own_mosquitto: Mosquitto, tmp_path: Path, seizure: Small
) -> None:
    settings = EdgeSettings(
        site=SITE,
        data_dir=tmp_path / "data",
        broker=BrokerSettings(host=HOST, port=own_mosquitto.port),
    )
    daemon, stop = Daemon(settings, loaded(tmp_path, seizure, "litert")), asyncio.Event()
    running = asyncio.create_task(daemon.run(stop))
    topic = signal_topic(SITE, "cap-1", Signal.EEG, Leaf.CHUNK)
    with SiteClient(own_mosquitto.port, "cap-1") as client:
        await daemon.ready.wait()

        def play() -> dict[str, object]:
            for chunk in chunks(with_seizure(18, 60.0), chunk_s=1.0):
                client.publish(topic, encode(chunk))
            alarm: dict[str, object] = client.wait_for_alarm("seizure", "start")
            return alarm

        alarm = await asyncio.to_thread(play)
        stop.set()
        await running
        vitals = client.of(Leaf.VITALS)
    assert (alarm["priority"], alarm["signal"]) == ("high", "eeg")
    assert len(alarm["evidence"]["leads"]) == 18  # type: ignore[index]
    assert vitals[-1]["good_leads"] == 18
    assert vitals[-1]["delta_uv2"] > 0.0
