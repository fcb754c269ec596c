"""Recordings out of a log, read back by wfdb and edfio."""

import errno
import hashlib
import json
import os
from pathlib import Path
from typing import Any

import edfio
import numpy as np
import pytest
import wfdb

from edge.chunklog import ChunkLog, open_reader
from edge.chunklog.export import FileFormat, export
from edge.chunklog.index import index_log
from edge.chunklog.layout import lay_out
from edge.chunklog.marks import read_marks
from edge.chunklog.survey import Selection
from tests.edge.chunklog import streams
from tests.edge.chunklog.makers import fill
from tests.edge.chunklog.streams import START_NS, cut, record, samples
from vitalwire import messages
from vitalwire.contracts import (
    Beat,
    BeatClass,
    Episode,
    Event,
    Quality,
    Signal,
    SignalState,
    Vitals,
)
from vitalwire.errors import InputError, UnavailableError
from vitalwire.recordings import open_recording
from vitalwire.recordings.bundled import bundled_recording
from vitalwire.recordings.chunks import chunks as cut_recording
from vitalwire.recordings.recording import Recording


def exported(
    folder: Path, out: Path, form: FileFormat = FileFormat.WFDB, **kwargs: Any
) -> list[dict[str, Any]]:
    parts = lay_out(index_log(open_reader(folder), Selection()))
    return export(folder, parts, out, form, **kwargs)


def logged(folder: Path, recording: Recording) -> Path:
    """A recording in a log, disturbed on its way, with the recorder's own steps."""
    sent = list(cut_recording(recording, "wrist-7", stream_id=7, t0_ns=START_NS))
    leads = streams.info("wrist-7", recording.signal, recording.leads)
    return streams.write(
        folder,
        [leads, *(record(chunk, recording.scale, recording.offset)
                  for chunk in streams.disturbed(sent, 1))],
    )  # fmt: skip


def recorded(name: str, request: pytest.FixtureRequest) -> Recording:
    if name == "208":
        return bundled_recording()
    return open_recording(request.getfixturevalue("data_dir") / "ecg" / "mitdb" / name)


@pytest.mark.parametrize("name", ["208", "114"])
def test_a_real_record_comes_back_as_wfdb_to_the_bit(
    tmp_path: Path, name: str, request: pytest.FixtureRequest
) -> None:
    recording = recorded(name, request)
    [sidecar] = exported(logged(tmp_path / "log", recording), tmp_path / "out")
    path = tmp_path / "out" / sidecar["record"]
    back = wfdb.rdrecord(str(path), physical=False)
    np.testing.assert_array_equal(back.d_signal.T, recording.digital(0, recording.n_samples))
    assert back.fs == recording.fs
    assert tuple(back.sig_name) == recording.leads
    assert back.units == ["mV"] * recording.n_channels
    np.testing.assert_allclose(back.adc_gain, 1 / recording.scale, rtol=1e-7)
    assert back.baseline == [round(b) for b in -recording.offset / recording.scale]
    assert back.base_datetime.isoformat() == "2026-03-01T12:00:00"
    assert sidecar["senders_steps_kept"] is True


@pytest.mark.parametrize("name", ["208", "114"])
def test_a_real_record_comes_back_as_edf_within_a_step(
    tmp_path: Path, name: str, request: pytest.FixtureRequest
) -> None:
    recording = recorded(name, request)
    log = logged(tmp_path / "log", recording)
    [sidecar] = exported(log, tmp_path / "out", FileFormat.EDF)
    back = edfio.read_edf(tmp_path / "out" / f"{sidecar['record']}.edf")
    wanted = recording.read()
    assert [signal.label for signal in back.signals] == list(recording.leads)
    for i, signal in enumerate(back.signals):
        assert signal.sampling_frequency == recording.fs
        step = (signal.physical_max - signal.physical_min) / (
            signal.digital_max - signal.digital_min
        )
        error = np.abs(signal.data[: recording.n_samples] - wanted[i])
        assert error.max() <= step
    assert back.startdatetime.isoformat() == "2026-03-01T12:00:00"


def test_missing_samples_are_invalid_in_wfdb(tmp_path: Path) -> None:
    data = samples(1000)
    data[1, 60:70] = np.nan
    sent = cut(data)
    streams.write(tmp_path / "log", map(record, sent[:4] + sent[9:]))
    [sidecar] = exported(tmp_path / "log", tmp_path / "out")
    back = wfdb.rdrecord(str(tmp_path / "out" / sidecar["record"])).p_signal.T
    wanted = data.copy()
    wanted[:, 200:450] = np.nan
    np.testing.assert_allclose(back, wanted, atol=1e-5)
    assert sidecar["gaps"] == [[200, 250]]


def test_missing_samples_are_annotated_in_edf(tmp_path: Path) -> None:
    data = samples(1000)
    data[1, 60:70] = np.nan
    sent = cut(data)
    streams.write(tmp_path / "log", map(record, sent[:4] + sent[9:]))
    [sidecar] = exported(tmp_path / "log", tmp_path / "out", FileFormat.EDF)
    back = open_recording(tmp_path / "out" / f"{sidecar['record']}.edf").read()
    wanted = data.copy()
    wanted[:, 200:450] = np.nan
    np.testing.assert_allclose(back[:, :1000], wanted, atol=0.006)


def test_the_sidecar_vouches_for_the_files(tmp_path: Path) -> None:
    sent = cut(samples(500))
    sent[2] = streams.injected(sent[2])
    streams.write(tmp_path / "log", map(record, sent))
    [sidecar] = exported(tmp_path / "log", tmp_path / "out")
    assert json.loads((tmp_path / "out" / "wrist-7_ecg_00000007.json").read_text()) == sidecar
    assert set(sidecar["sha256"]) == {"wrist-7_ecg_00000007.dat", "wrist-7_ecg_00000007.hea"}
    for name, digest in sidecar["sha256"].items():
        assert hashlib.sha256((tmp_path / "out" / name).read_bytes()).hexdigest() == digest
    assert sidecar["device"] == "wrist-7"
    assert sidecar["stream_id"] == 7
    assert sidecar["injected"] == [[100, 50]]
    assert sidecar["start_ns"] == START_NS
    assert "on purpose" in (tmp_path / "out" / "wrist-7_ecg_00000007.hea").read_text()


def test_scales_that_change_cost_at_most_half_a_step(tmp_path: Path) -> None:
    data = samples(1000) * np.linspace(0.1, 1, 1000, dtype=np.float32)
    streams.write(tmp_path / "log", [record(chunk, None, None) for chunk in cut(data)])
    [sidecar] = exported(tmp_path / "log", tmp_path / "out")
    back = wfdb.rdrecord(str(tmp_path / "out" / sidecar["record"]))
    assert sidecar["senders_steps_kept"] is False
    step = 1 / np.array(back.adc_gain)
    assert (np.abs(back.p_signal.T - data).max(axis=1) <= 1.01 * step).all()
    assert (step < 5e-4).all()


class TestNothingHalfWritten:
    def test_what_is_there_already_is_left_alone(self, tmp_path: Path) -> None:
        sent = [*cut(samples(500)), *cut(samples(500), device="wrist-8")]
        streams.write(tmp_path / "log", map(record, sent))
        out = tmp_path / "out"
        out.mkdir()
        (out / "wrist-8_ecg_00000007.dat").write_text("mine")
        with pytest.raises(InputError, match="exists already"):
            exported(tmp_path / "log", out)
        assert [path.name for path in out.iterdir()] == ["wrist-8_ecg_00000007.dat"]

    def test_a_disk_that_fills_up(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        streams.write(tmp_path / "log", map(record, cut(samples(500))))

        def full(*_: object) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr(os, "fsync", full)
        with pytest.raises(UnavailableError, match="No space left"):
            exported(tmp_path / "log", tmp_path / "out")
        assert list((tmp_path / "out").iterdir()) == []

    def test_what_the_gateway_evicts_meanwhile(self, tmp_path: Path) -> None:
        streams.write(tmp_path / "log", map(record, cut(samples(500))))
        fill(tmp_path / "log", 300)
        parts = lay_out(index_log(open_reader(tmp_path / "log"), Selection()))
        with ChunkLog(tmp_path / "log") as log:
            log.evict(0)
        min((tmp_path / "log").glob("*.vwlog")).unlink()
        with pytest.raises(UnavailableError, match="evicted"):
            export(tmp_path / "log", parts, tmp_path / "out", FileFormat.WFDB)
        assert list((tmp_path / "out").iterdir()) == []


class TestAnnotations:
    def events(self, path: Path, *lines: bytes) -> Path:
        path.write_bytes(b"\n".join(lines) + b"\n")
        return path

    @pytest.fixture
    def marks(self, tmp_path: Path) -> Path:
        where = ("wrist-7", Signal.ECG, 7)
        beats = [
            Beat(*where, sample, START_NS, label, None, 1.0)
            for sample, label in [(100, BeatClass.N), (300, BeatClass.V), (9999, BeatClass.N)]
        ]
        other = Beat("wrist-8", Signal.ECG, 7, 100, START_NS, BeatClass.N, None, 1.0)
        episode = Episode(*where, "af", 150, 400, START_NS, START_NS, 0.9)
        quality = Quality(*where, 1, 50, START_NS, SignalState.POOR)
        vitals = Vitals(*where, 250, START_NS, SignalState.GOOD)
        items: list[Event] = [*beats, other, episode, quality, vitals]
        return self.events(
            tmp_path / "events.jsonl", *[messages.dump_event(item) for item in items]
        )

    def test_wfdb(self, tmp_path: Path, marks: Path) -> None:
        streams.write(tmp_path / "log", map(record, cut(samples(500))))
        [sidecar] = exported(tmp_path / "log", tmp_path / "out", marks=read_marks(marks))
        back = wfdb.rdann(str(tmp_path / "out" / sidecar["record"]), "vw")
        found = list(zip(back.sample, back.symbol, back.aux_note, strict=True))
        assert [(int(at), symbol, text.strip("\x00")) for at, symbol, text in found] == [
            (50, "~", "lead 2 poor"), (100, "N", ""), (150, "+", "(af"), (300, "V", ""),
            (400, "+", "(N"),
        ]  # fmt: skip
        assert sidecar["annotations"] == 5
        assert f"{sidecar['record']}.vw" in sidecar["sha256"]

    def test_edf(self, tmp_path: Path, marks: Path) -> None:
        streams.write(tmp_path / "log", map(record, cut(samples(500))))
        [sidecar] = exported(
            tmp_path / "log", tmp_path / "out", FileFormat.EDF, marks=read_marks(marks)
        )
        back = edfio.read_edf(tmp_path / "out" / f"{sidecar['record']}.edf")
        texts = {(a.onset, a.text) for a in back.annotations}
        assert {(0.4, "N"), (1.2, "V"), (0.6, "+ (af")} <= texts

    @pytest.mark.parametrize(
        "line", [b"{", b"[]", b"{}", b'{"type": "beat"}', b'{"type": []}', b"\xff"]
    )
    def test_a_line_that_is_no_event(self, tmp_path: Path, line: bytes) -> None:
        with pytest.raises(InputError, match="line 2"):
            read_marks(self.events(tmp_path / "events.jsonl", b"", line))

    def test_no_such_file(self, tmp_path: Path) -> None:
        with pytest.raises(InputError, match="cannot read"):
            read_marks(tmp_path / "nowhere")
