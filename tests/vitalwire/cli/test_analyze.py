"""`vitalwire analyze`: what it writes can be read by others, and all of it or nothing."""

import csv
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import wfdb

from edge.chunklog.log import ChunkLog
from edge.models import shipped_models
from edge.offline import analyze
from edge.pipeline.gateway import Output
from edge.results import StreamResult, events_of
from tests.edge.pipeline.streams import SITE, cut, even, piece, records
from vitalwire.cli.analysis import analyze_path, analyze_recording
from vitalwire.contracts import AlarmEvent, Beat, Rhythm
from vitalwire.errors import InputError
from vitalwire.recordings.bundled import bundled_recording
from vitalwire.recordings.opening import open_recording


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "vitalwire", "analyze", *map(str, arguments)],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


@pytest.fixture(scope="module")
def log_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A gateway's data folder, with a minute of a device in its log."""
    folder = tmp_path_factory.mktemp("gateway")
    whole = piece(None, 0.0, 60.0)
    with ChunkLog(folder / "chunks") as log:
        for record in records(whole, cut(whole, even(whole))):
            log.append(record)
    return folder


FIRST, END = 890 * 360, 1130 * 360  # of record 232: pauses and an asystole


def stretch_of_232(data_dir: Path, folder: Path) -> tuple[Path, np.ndarray[Any, Any]]:
    """A WFDB record of a stretch of a real one, and its reference beats."""
    source = str(data_dir / "ecg/mitdb/232")
    record = wfdb.rdrecord(source, sampfrom=FIRST, sampto=END, physical=False)
    wfdb.wrsamp(
        "232", record.fs, record.units, record.sig_name, d_signal=record.d_signal,
        fmt=record.fmt, adc_gain=record.adc_gain, baseline=record.baseline,
        write_dir=str(folder),
    )  # fmt: skip
    reference = wfdb.rdann(source, "atr", sampfrom=FIRST, sampto=END)
    is_beat = np.isin(reference.symbol, list("NLRAaJSVFeEjfQ/"))
    return folder / "232", reference.sample[is_beat] - FIRST


def start_ns(summary: dict[str, Any]) -> int:
    """Start of the recording on the clock of the events, from the first alarm's sample."""
    first = summary["alarms"][0]
    sample: int = first["declared_sample"]
    declared_ns: int = first["declared_ns"]
    return declared_ns - round(sample / 360 * 1e9)


def test_a_wfdb_record(data_dir: Path, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    record, reference = stretch_of_232(data_dir, tmp_path / "in")
    tmp_path = tmp_path / "out"
    done = run(record, "--out", tmp_path, "--json", "--lead-state", "known")
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout.splitlines()[-1])
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "232.jsonl", "232.vw", "232_events.tsv",
    ]  # fmt: skip
    marks = wfdb.rdann(str(tmp_path / "232"), "vw")
    is_beat = np.array([symbol != "+" for symbol in marks.symbol])  # "+" changes the rhythm
    beats = marks.sample[is_beat]
    assert len(beats) == summary["beats"] > 180
    assert marks.fs == 360
    assert sorted(marks.sample) == list(marks.sample)
    nearest = np.abs(reference[:, None] - beats[None, :]).min(axis=1)
    assert (nearest <= 0.15 * 360).mean() > 0.99

    table = rows(tmp_path / "232_events.tsv")
    assert list(table[0]) == [
        "onset", "duration", "eventType", "confidence", "channels", "dateTime",
        "recordingDuration",
    ]  # fmt: skip
    # A row for each time that a condition held; a latched alarm may see more than one.
    assert len(table) >= len(summary["alarms"])
    alarms = {row["eventType"] for row in table} - set(Rhythm)  # beside the rhythms' episodes
    assert alarms == {one["kind"] for one in summary["alarms"]}
    starts = [f"{(one['onset_ns'] - start_ns(summary)) / 1e9:.3f}" for one in summary["alarms"]]
    assert set(starts) <= {row["onset"] for row in table}
    assert {row["eventType"] for row in table} >= {"pause", "asystole"}
    for row in table:
        assert 0 <= float(row["onset"]) <= float(row["recordingDuration"])
        assert float(row["onset"]) + float(row["duration"]) <= summary["signal_s"] + 1
        assert float(row["recordingDuration"]) == pytest.approx(summary["signal_s"], abs=0.001)

    lines = json_lines(tmp_path / "232.jsonl")
    kinds = {line["type"] for line in lines}
    assert {"beat", "vitals", "quality", "alarmevent"} <= kinds
    assert sum(line["type"] == "beat" for line in lines) == summary["beats"]
    assert sum(line["type"] == "vitals" for line in lines) == summary["vitals_points"]


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file, delimiter="\t"))


def json_lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_chunk_log_gives_what_the_pipeline_gives(log_folder: Path, tmp_path: Path) -> None:
    done = run(log_folder, "--out", tmp_path, "--json")
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout.splitlines()[-1])
    whole, models = piece(None, 0.0, 60.0), shipped_models()
    sent = records(whole, cut(whole, even(whole)))
    told = events_of(analyze(sent, SITE, models.models, models.ecg))
    beats = [event for event in told if isinstance(event, Beat)]
    assert summary["beats"] == len(beats)
    marks = wfdb.rdann(str(tmp_path / summary["record"]), "vw")
    assert list(marks.sample) == [beat.sample for beat in beats]
    assert len(json_lines(tmp_path / f"{summary['record']}.jsonl")) == len(told)


@pytest.mark.parametrize(
    ("make", "word"),
    [
        (lambda folder: folder / "none", "no such recording"),
        (lambda folder: folder, "expected a recording or a chunk log"),
    ],
)
def test_what_is_no_recording(make: Any, word: str, tmp_path: Path) -> None:
    folder = tmp_path / "empty"
    folder.mkdir()
    refused(run(make(folder), "--out", tmp_path / "out"), 2, word)
    assert not (tmp_path / "out").exists()
    assert list(folder.iterdir()) == []


def refused(done: subprocess.CompletedProcess[str], code: int, word: str) -> None:
    assert done.returncode == code, done.stderr
    (line,) = done.stderr.strip().splitlines()
    assert line.startswith("vitalwire: ")
    assert word in line
    assert done.stdout == ""


def test_a_file_that_breaks_off(tmp_path: Path) -> None:
    (tmp_path / "x.hea").write_text("x 1 360 1000\nx.dat 212 200 11 1024 0 0 0 MLII\n")
    (tmp_path / "x.dat").write_bytes(b"\0" * 30)
    done = run(tmp_path / "x", "--out", tmp_path / "out")
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "out").exists() or list((tmp_path / "out").iterdir()) == []


def test_a_folder_that_cannot_be_written(log_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file")
    done = run(log_folder, "--out", tmp_path / "out")
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    assert (tmp_path / "out").read_text() == "a file"


def test_a_lead_state_that_is_none(tmp_path: Path) -> None:
    refused(run("208", "--out", tmp_path, "--lead-state", "perhaps"), 2, "known or unknown")


def test_a_site_that_the_log_does_not_have(log_folder: Path, tmp_path: Path) -> None:
    done = run(log_folder, "--out", tmp_path, "--site", "nowhere")
    assert done.returncode == 2, done.stdout
    assert "nowhere" in done.stderr


def test_a_signal_without_a_beat(tmp_path: Path) -> None:
    (tmp_path / "flat.csv").write_text("ecg\n" + "0.0\n" * 5000)
    recording = open_recording(tmp_path / "flat.csv", fs=250.0)
    result = analyze_recording(recording)
    assert result.beats == []
    paths = result.write(tmp_path / "out")
    assert all(path.exists() for path in paths)
    marks = wfdb.rdann(str(tmp_path / "out" / result.name), "vw")
    assert len(marks.sample) == 0
    assert {alarm.kind.value for alarm in result.alarms} == {"flat_signal"}


@pytest.mark.parametrize(("fs", "column"), [(50.0, "ecg"), (4000.0, "ecg"), (64.0, "eeg Fz")])
def test_a_rate_that_is_only_recorded(tmp_path: Path, fs: float, column: str) -> None:
    """An empty result would say that nothing was found."""
    rows = [f"{n / fs:.6f},{n % 7}\n" for n in range(3000)]
    (tmp_path / "x.csv").write_text(f"time,{column}\n" + "".join(rows))
    with pytest.raises(InputError, match=rf"x\.csv: an E.G is analysed at .* got {fs:g} Hz"):
        analyze_path(tmp_path / "x.csv")


def test_writing_again_replaces_what_was_there(tmp_path: Path) -> None:
    result = analyze_recording(bundled_recording())
    first = {path.name: path.read_bytes() for path in result.write(tmp_path)}
    again = {path.name: path.read_bytes() for path in result.write(tmp_path)}
    assert again == first
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(first)


def test_events_that_have_not_ended_last_to_the_end() -> None:
    result = StreamResult("x", 250.0, 0, 100.0)
    whole = piece(None, 0.0, 30.0)
    outputs = analyze(records(whole, cut(whole, even(whole))), SITE)
    result.events = [one.event for one in outputs if isinstance(one, Output)]
    assert not [event for event in result.events if isinstance(event, AlarmEvent)]
    assert result.summary()["alarms"] == []
