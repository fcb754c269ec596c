"""EEG files of 18 leads at the bridge: EDF+ and BDF, in chunks that the wire can carry."""

from pathlib import Path

import edfio
import numpy as np
import pytest

from firmware_bridge.replay import replay
from tests.edge.stages.brain import background
from tests.firmware_bridge.test_replay import listening, options, until
from tests.servers import Mosquitto
from vitalwire import messages, wire
from vitalwire.contracts import Chunk, DeviceInfo, Signal
from vitalwire.recordings import open_recording
from vitalwire.wire import MAX_BYTES

FS, N_S = 256, 12
LEADS = (
    "FP1-F7", "F7-T7", "T7-P7", "P7-O1", "FP1-F3", "F3-C3", "C3-P3", "P3-O1", "FP2-F4",
    "F4-C4", "C4-P4", "P4-O2", "FP2-F8", "F8-T8", "T8-P8", "P8-O2", "FZ-CZ", "CZ-PZ",
)  # fmt: skip


def made(folder: Path, kind: str) -> Path:
    leads = background(len(LEADS), N_S, FS)
    path = folder / f"head.{kind}"
    if kind == "edf":
        signals = [
            edfio.EdfSignal(lead, FS, label=label, physical_dimension="uV",
                            physical_range=(-800.0, 800.0))
            for lead, label in zip(leads, LEADS, strict=True)
        ]  # fmt: skip
        note = edfio.EdfAnnotation(2.0, 3.0, "seizure")
        edfio.Edf(signals, annotations=[note]).write(path)
    else:
        edfio.Bdf([
            edfio.BdfSignal(lead + 20_000.0, FS, label=label, physical_dimension="uV",
                            physical_range=(-262_144, 262_143))
            for lead, label in zip(leads, LEADS, strict=True)
        ]).write(path)  # fmt: skip
    return path


@pytest.mark.parametrize("kind", ["edf", "bdf"])
@pytest.mark.parametrize("chunk_s", [0.2, 10.0])
async def test_every_sample_of_every_lead_in_chunks_that_fit(
    mosquitto: Mosquitto, tmp_path: Path, kind: str, chunk_s: float
) -> None:
    recording = open_recording(made(tmp_path, kind))
    site = f"eeg-{kind}-{chunk_s:g}".replace(".", "-")
    async with listening(mosquitto.port, site) as listener:
        report = await replay(
            options(mosquitto.port, recording=recording, site=site, chunk_s=chunk_s, speed=0.0)
        )
        await until(lambda: len(listener.chunks) == report.chunks_sent, "all chunks")
        chunks = listener.chunks
        info = next(v for k, v in listener.retained.items() if k.endswith("/eeg/info"))
    assert {one.signal for one in chunks} == {Signal.EEG}
    assert {one.n_channels for one in chunks} == {len(LEADS)}
    assert max(size(one) for one in chunks) <= MAX_BYTES
    assert max(one.n_samples for one in chunks) < 10.0 * FS  # that would be 92 KB: it was split
    told = np.concatenate([one.data for one in chunks], axis=1)
    np.testing.assert_array_equal(told, recording.read())
    said = messages.load(DeviceInfo, info)
    assert (said.leads, said.fs, said.unit) == (LEADS, FS, "uV")


def size(chunk: Chunk) -> int:
    return len(wire.encode(chunk))
