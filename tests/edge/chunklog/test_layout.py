"""How chunks make recordings."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edge.chunklog import Record, open_reader
from edge.chunklog.index import index_log
from edge.chunklog.layout import Part, Span, lay_out
from edge.chunklog.survey import Selection
from tests.edge.chunklog import streams
from tests.edge.chunklog.streams import START_NS, cut, record, samples
from vitalwire.contracts import Chunk, Epoch, Signal


def parts_of(folder: Path, chunks: list[Chunk], *others: Record) -> list[Part]:
    streams.write(folder, [*map(record, chunks), *others])
    return lay_out(index_log(open_reader(folder), Selection()))


def test_a_stream_is_one_recording(tmp_path: Path) -> None:
    leads = streams.info("wrist-7", Signal.ECG, ("II", "V1"))
    [part] = parts_of(tmp_path, cut(samples(1010)), leads)
    assert part.name == "wrist-7_ecg_00000007"
    assert (part.first_sample, part.n_samples, len(part.rows)) == (0, 1010, 21)
    assert part.leads == ("II", "V1")
    assert (part.gaps, part.lead_off, part.injected, part.repeated) == ([], [], [], 0)
    assert part.start_ns == START_NS
    assert part.by_device_clock


@pytest.mark.parametrize("seed", range(5))
def test_duplicates_and_reordering_leave_no_trace(tmp_path: Path, seed: int) -> None:
    chunks = cut(samples(2000))
    sent = list(streams.disturbed(chunks, seed))
    [part] = parts_of(tmp_path, sent)
    assert (part.n_samples, len(part.rows), part.gaps) == (2000, 40, [])
    assert part.repeated == len(sent) - 40


def test_gaps_stay_open(tmp_path: Path) -> None:
    chunks = cut(samples(1000))
    [part] = parts_of(tmp_path, chunks[:4] + chunks[6:7] + chunks[12:])
    assert part.gaps == [Span(200, 100), Span(350, 250)]
    assert part.n_samples == 1000


def test_a_boot_begins_a_recording(tmp_path: Path) -> None:
    first, second = cut(samples(500)), cut(samples(300), stream_id=8)
    names = [part.name for part in parts_of(tmp_path, first + second)]
    assert names == ["wrist-7_ecg_00000007", "wrist-7_ecg_00000008"]


def test_a_change_of_rate_or_lead_count_begins_one(tmp_path: Path) -> None:
    data = samples(600)
    chunks = [
        *cut(data[:, :200]),
        *cut(data[:1, 200:400], first_sample=200),
        *cut(data[:, 400:], first_sample=400, fs=500.0),
    ]
    parts = parts_of(tmp_path, chunks)
    assert [(part.key.fs, part.key.n_channels) for part in parts] == [
        (250, 2),
        (250, 1),
        (500, 2),
    ]
    assert [part.name[-2:] for part in parts] == ["07", "_2", "_3"]


def test_a_sample_count_that_goes_back_begins_one(tmp_path: Path) -> None:
    before = cut(samples(500))
    after = [replace(chunk, t0_ns=chunk.t0_ns + 10**10) for chunk in cut(samples(300, seed=1))]
    parts = parts_of(tmp_path, before + after)
    assert [part.n_samples for part in parts] == [500, 300]


def test_no_file_is_mostly_gap(tmp_path: Path) -> None:
    chunks = cut(samples(100)) + cut(samples(100), first_sample=1 << 52)
    parts = parts_of(tmp_path, chunks)
    assert [(part.first_sample, part.n_samples) for part in parts] == [(0, 100), (1 << 52, 100)]


def test_a_clock_that_is_not_set_gives_way_to_the_arrival(tmp_path: Path) -> None:
    chunks = [replace(chunk, t0_ns=chunk.t0_ns - START_NS) for chunk in cut(samples(100))]
    [part] = parts_of(tmp_path / "1970", chunks)
    assert part.start_ns == START_NS + 20_000_000
    assert not part.by_device_clock
    chunks = [replace(chunk, epoch=Epoch.BOOT) for chunk in chunks]
    [part] = parts_of(tmp_path / "boot", chunks)
    assert part.start_ns == START_NS + 20_000_000


def test_leads_off_and_injections_are_told(tmp_path: Path) -> None:
    chunks = cut(samples(500))
    for i in (2, 3):
        chunks[i] = replace(chunks[i], lead_off=0b10)
    chunks[3] = replace(chunks[3], injected=True)
    chunks[7] = replace(chunks[7], lead_off=0b01)
    [part] = parts_of(tmp_path, chunks)
    assert part.lead_off == [Span(100, 100, 0b10), Span(350, 50, 0b01)]
    assert [(span.first_sample, span.n_samples) for span in part.injected] == [(150, 50)]
    assert part.leads == ("ECG1", "ECG2")


def test_the_senders_scale_is_kept_and_others_hold_every_sample(tmp_path: Path) -> None:
    data = samples(500)
    [part] = parts_of(tmp_path / "adc", cut(data))
    scale, offset = part.stream.calibration.of_file()
    np.testing.assert_array_equal((scale, offset), (streams.SCALE, streams.OFFSET))

    fitted = [record(chunk, None, None) for chunk in cut(data)]
    [part] = parts_of(tmp_path / "fitted", [], *fitted)
    assert not part.stream.calibration.constant
    scale, offset = part.stream.calibration.of_file()
    low, high = data.min(axis=1), data.max(axis=1)
    assert (offset - 32767 * scale <= low).all()
    assert (offset + 32767 * scale >= high).all()
    assert (scale < (high - low) / 60_000).all()


def test_a_part_of_the_log(tmp_path: Path) -> None:
    chunks = [*cut(samples(500)), *cut(samples(500), device="wrist-8"),
              *cut(samples(500), signal=Signal.EEG)]  # fmt: skip
    streams.write(tmp_path, map(record, chunks))

    def found(**wanted: object) -> list[tuple[str, str, int]]:
        selection = Selection(**wanted)  # type: ignore[arg-type]
        parts = lay_out(index_log(open_reader(tmp_path), selection))
        return [(p.key.device, p.key.signal.value, p.n_samples) for p in parts]

    assert found(device="wrist-8") == [("wrist-8", "ecg", 500)]
    assert found(signal=Signal.EEG) == [("wrist-7", "eeg", 500)]
    second = START_NS + 10**9
    assert found(device="wrist-7", signal=Signal.ECG, from_ns=second) == [
        ("wrist-7", "ecg", 300)
    ]
    assert found(device="nobody") == []
