"""`vitalwire analyze` over an EEG: seizures, quality and vitals, as of an ECG its beats."""

import csv
import json
import subprocess
import sys
from pathlib import Path

import edfio
import numpy as np
import pytest
import wfdb
from typer.testing import CliRunner

from edge.chunklog.log import ChunkLog
from edge.models import NOTHING, LoadedModels
from edge.offline import chunks_of, records_of
from edge.pipeline.models import SEIZURE_MODEL
from edge.results import StreamResult
from tests.edge.pipeline.eeg_streams import EEG, FS, Loudness, chunks, log, with_seizure
from tests.edge.stages.brain import background
from vitalwire.cli import app
from vitalwire.cli.analysis import analyze_path
from vitalwire.contracts import Signal


def models() -> LoadedModels:
    return LoadedModels({SEIZURE_MODEL: Loudness()}, eeg=EEG)


def edf(path: Path, leads: np.ndarray) -> Path:
    edfio.Edf(
        [
            edfio.EdfSignal(lead, FS, label=f"EEG {i}", physical_dimension="uV",
                            physical_range=(-1500.0, 1500.0))
            for i, lead in enumerate(leads.astype(np.float64))
        ]
    ).write(path)  # fmt: skip
    return path


def analyzed(path: Path) -> StreamResult:
    (result,) = analyze_path(path, load_models=models)
    return result


def test_an_edf_file_of_eighteen_leads(tmp_path: Path) -> None:
    result = analyzed(edf(tmp_path / "head.edf", with_seizure(18, 120.0)))
    summary = result.summary()
    assert (summary["signal"], summary["beats"], summary["vitals_points"]) == ("eeg", 0, 120)
    assert (summary["rhythm_label"], summary["rhythm_s"]) == (None, {})
    (episode,) = summary["episodes"]
    assert episode["kind"] == "seizure"
    assert episode["onset_s"] == pytest.approx(40.0, abs=1.0)
    assert [one["kind"] for one in summary["alarms"]] == ["seizure"]

    result.write(tmp_path / "out")
    with (tmp_path / "out" / "head_events.tsv").open(newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    assert sorted(row["eventType"] for row in rows) == ["seizure", "sz"]
    (seizure,) = (row for row in rows if row["eventType"] == "sz")
    assert float(seizure["onset"]) == pytest.approx(episode["onset_s"], abs=0.01)
    assert float(seizure["confidence"]) == pytest.approx(episode["confidence"])
    marks = wfdb.rdann(str(tmp_path / "out" / "head"), "vw")
    assert [note.rstrip("\x00") for note in marks.aux_note] == ["(seizure", "(background"]
    lines = [
        json.loads(line) for line in (tmp_path / "out" / "head.jsonl").read_text().splitlines()
    ]
    kinds = [line["type"] for line in lines]
    assert (kinds.count("vitals"), kinds.count("quality")) == (120, 36)
    assert {line["signal"] for line in lines} == {"eeg"}
    vitals = next(line for line in lines if line["type"] == "vitals" and line["sample"] > 5000)
    assert vitals["good_leads"] == 18
    assert vitals["alpha_uv2"] > 0.0


def test_a_chunk_log_with_an_eeg_gives_the_same(tmp_path: Path) -> None:
    x = with_seizure(4, 120.0)
    with ChunkLog(tmp_path / "chunks") as kept:
        for record in log(chunks(x)):
            kept.append(record)
    (result,) = analyze_path(tmp_path, load_models=models)
    assert result.signal is Signal.EEG
    of_file = analyzed(edf(tmp_path / "head.edf", x))
    assert [one["onset_s"] for one in result.summary()["episodes"]] == pytest.approx(
        [one["onset_s"] for one in of_file.summary()["episodes"]], abs=0.1
    )
    assert result.rhythm_label() == (None, {})


def test_the_command_says_what_it_found(tmp_path: Path) -> None:
    edfio.Bdf(
        [
            edfio.BdfSignal(lead, FS, label=f"EEG {i}", physical_dimension="uV",
                            physical_range=(-262_144, 262_143))
            for i, lead in enumerate(background(18, 20.0, FS))
        ]
    ).write(tmp_path / "head.bdf")  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-m", "vitalwire", "analyze", str(tmp_path / "head.bdf"), "--out",
         str(tmp_path / "out"), "--no-classify"],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("head: 20.0 s, 0 seizures, 0 alarms -> head.jsonl")
    (result,) = analyze_path(tmp_path / "head.bdf", load_models=lambda: NOTHING)
    assert result.summary()["vitals_points"] == 20


def test_a_lead_that_died_is_said(tmp_path: Path) -> None:
    x = with_seizure(4, 60.0)[:, : round(30 * FS)]  # before the seizure
    x[2, round(12 * FS) :] = 0.0
    done = CliRunner().invoke(
        app, ["analyze", str(edf(tmp_path / "head.edf", x)), "--out", str(tmp_path), "--json"]
    )
    assert done.exit_code == 0, done.output
    summary = json.loads(done.stdout.splitlines()[-1])
    assert summary["episodes"] == []
    ((lead, lost),) = summary["not_good_s"].items()
    assert (lead, lost) == ("EEG 2", {"flat": pytest.approx(16.2, abs=0.4)})
    assert "0 seizures, 0 alarms, not good: EEG 2 flat for 16." in done.stderr


def test_a_chunk_log_of_a_rate_that_is_only_recorded(tmp_path: Path) -> None:
    slow = chunks_of(background(2, 5.0, 64.0).astype(np.float32), 64.0, signal=Signal.EEG)
    with ChunkLog(tmp_path / "chunks") as kept:
        for record in records_of(slow):
            kept.append(record)
    done = CliRunner().invoke(app, ["analyze", str(tmp_path), "--out", str(tmp_path / "out")])
    assert done.exit_code == 0, done.output
    assert "5.0 s, recorded at 64 Hz and not analysed, 1 alarm " in done.stdout
    events = (tmp_path / "out" / "array_eeg_00000001_events.tsv").read_text()
    assert "poor_signal" in events
