"""`vitalwire log show` and `vitalwire log export`, as typed."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from edge.chunklog import ChunkLog, Record, RecordKind
from tests.edge.chunklog import streams
from tests.edge.chunklog.streams import START_NS, cut, record, samples
from vitalwire.cli import app
from vitalwire.contracts import Signal
from vitalwire.topics import Leaf, signal_topic


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """Two devices; gaps, a duplicate, a reboot, payloads and topics that cannot be read."""
    sent = cut(samples(500))
    records = [*map(record, [*sent[:4], sent[3], *sent[6:]])]
    records += map(record, cut(samples(250), stream_id=8))
    records += map(record, cut(samples(500), device="head-1", signal=Signal.EEG))
    chunk_topic = signal_topic("ward", "wrist-7", Signal.ECG, Leaf.CHUNK)
    for topic, payload in [(chunk_topic, b"VW"), (chunk_topic, bytes(100)), ("a/b", b"")]:
        records.append(Record(RecordKind.MESSAGE, START_NS, topic, payload))
    records.append(Record(RecordKind.TICK, START_NS + 5 * 10**9))
    records.append(Record(RecordKind.RESUMED, START_NS + 6 * 10**9))
    return streams.write(tmp_path / "log", records)


def run(*args: object, code: int = 0) -> str:
    result = CliRunner().invoke(app, ["log", *map(str, args)])
    assert result.exit_code == code, result.output
    return result.stdout if code == 0 else result.stderr


def run_json(*args: object) -> dict[str, Any]:
    fields: dict[str, Any] = json.loads(run(*args, "--json").splitlines()[-1])
    return fields


class TestShow:
    def test_the_streams(self, log: Path) -> None:
        lines = run("show", log).splitlines()
        assert lines[0].split()[:4] == ["device", "signal", "streams", "chunks"]
        wrist = lines[1].split()
        assert wrist[:9] == [
            "wrist-7",
            "ecg",
            "00000007",
            "00000008",
            "14",
            "1",
            "650",
            "2.6",
            "1",
        ]
        assert lines[1].endswith("bad_magic 1, truncated 1")
        assert lines[2].split()[:2] == ["head-1", "eeg"]
        assert "2026-03-01T12:00:00.220Z" in lines[1]
        assert "records: message 27, resumed 1, tick 1" in lines
        assert "topics that do not parse: bad_topic 1" in lines

    def test_json(self, log: Path) -> None:
        found = run_json("show", log)
        assert found["records"] == {"message": 27, "tick": 1, "resumed": 1}
        assert found["damaged"] == 0
        wrist = found["streams"][0]
        assert wrist["bad"] == {"truncated": 1, "bad_magic": 1}
        assert wrist["boots"][0] == {
            "stream_id": 7, "fs_hz": 250.0, "n_channels": 2, "chunks": 9, "repeated": 1,
            "injected": 0, "samples": 400, "seconds": 1.6, "gaps": 1, "missing_samples": 100,
        }  # fmt: skip

    @pytest.mark.parametrize(
        ("options", "chunks"),
        [
            (["--device", "head-1"], 10),
            (["--signal", "ecg"], 14),
            (["--from", "2026-03-01T12:00:01"], 11),
            (["--to", "2026-03-01T13:00:01+01:00"], 13),
            (["--limit", "1"], 14),
        ],
    )
    def test_a_part_of_it(self, log: Path, options: list[str], chunks: int) -> None:
        found = run_json("show", log, *options)
        assert sum(b["chunks"] for s in found["streams"] for b in s["boots"]) == chunks

    def test_single_records_without_samples(self, log: Path) -> None:
        lines = run("show", log, "--records").splitlines()
        assert len(lines) == 29
        assert "stream 00000007 seq 0 sample 0 2x50 at 250 Hz" in lines[0]
        assert sum("bad: " in line for line in lines) == 3
        listed = run_json("show", log, "--records", "--kind", "tick")["records"]
        assert [(r["kind"], r["arrival_ns"]) for r in listed] == [
            ("tick", START_NS + 5 * 10**9)
        ]
        assert len(run("show", log, "--records", "--limit", "5").splitlines()) == 5

    def test_while_a_gateway_writes(self, log: Path) -> None:
        with ChunkLog(log) as gateway:
            gateway.append(record(cut(samples(50), device="wrist-9")[0]))
            gateway.sync()
            assert "wrist-9" in run("show", log)

    @pytest.mark.parametrize(
        ("args", "said"),
        [
            (["show", "nowhere"], "no folder nowhere"),
            (["show", "."], "holds no chunk log"),
            (["show", "log", "--device", "nobody"], "no chunks of device nobody"),
            (["show", "log", "--from", "noon"], "--from expects an ISO time"),
            (["export", "nowhere", "--out", "out"], "no folder nowhere"),
            (["export", ".", "--out", "out"], "holds no chunk log"),
            (
                ["export", "log", "--out", "out", "--device", "nobody"],
                "no chunks of device nobody",
            ),
            (
                ["export", "log", "--out", "out", "--annotations", "nowhere"],
                "cannot read nowhere",
            ),
            (["export", "log", "--out", "file"], "cannot write into file"),
        ],
    )
    def test_bad_input_is_one_clear_line(
        self, log: Path, monkeypatch: pytest.MonkeyPatch, args: list[str], said: str
    ) -> None:
        monkeypatch.chdir(log.parent)
        Path("file").write_text("")
        before = sorted(log.parent.rglob("*"))
        error = run(*args, code=2)
        assert said in error
        assert len(error.splitlines()) == 1
        assert sorted(log.parent.rglob("*")) == before


class TestExport:
    def test_every_boot_is_a_record(self, log: Path, tmp_path: Path) -> None:
        found = run_json("export", log, "--out", tmp_path / "out")
        names = [sidecar["record"] for sidecar in found["records"]]
        assert names == ["wrist-7_ecg_00000007", "wrist-7_ecg_00000008", "head-1_eeg_00000007"]
        files = {f"{name}.{end}" for name in names for end in ("hea", "dat", "json")}
        assert {path.name for path in (tmp_path / "out").iterdir()} == files

    def test_edf_of_one_device_in_words(self, log: Path, tmp_path: Path) -> None:
        out = tmp_path / "out"
        said = run("export", log, "--out", out, "--format", "edf", "--device", "wrist-7")
        assert said.splitlines() == [
            f"{out}/wrist-7_ecg_00000007: 2.0 s, 1 gaps (0.4 s)",
            f"{out}/wrist-7_ecg_00000008: 1.0 s, 0 gaps (0.0 s)",
        ]
        assert len(list(out.glob("*.edf"))) == 2

    def test_not_over_what_is_there(self, log: Path, tmp_path: Path) -> None:
        run("export", log, "--out", tmp_path / "out")
        before = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").iterdir()}
        error = run("export", log, "--out", tmp_path / "out", code=2)
        assert "exists already: choose another --out" in error
        assert before == {
            path: path.stat().st_mtime_ns for path in (tmp_path / "out").iterdir()
        }


def test_help_does_not_import_what_only_the_commands_need() -> None:
    code = (
        "import sys, vitalwire.cli.log; "
        "sys.exit(any(name in sys.modules for name in ('edge.chunklog', 'scipy', 'wfdb')))"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
