"""What a second of one ECG lead costs, from the wire to the events."""

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from edge.offline import NOMINAL_START_NS, analyze, records_of
from vitalwire.recordings.bundled import bundled_recording
from vitalwire.recordings.chunks import chunks, encode

SECONDS = 60


@pytest.mark.benchmark(group="a minute of one lead at 360 Hz")
def test_pipeline(benchmark: BenchmarkFixture) -> None:
    recording = bundled_recording()
    n_samples = round(SECONDS * recording.fs)
    cut = chunks(recording, "bench", stream_id=1, t0_ns=NOMINAL_START_NS, n_samples=n_samples)
    records = list(records_of(cut, lambda chunk: encode(recording, chunk)))
    outputs = benchmark(lambda: list(analyze(records)))
    assert len(outputs) > SECONDS
