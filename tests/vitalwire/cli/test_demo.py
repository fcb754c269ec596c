"""`vitalwire demo` from end to end, as fast as it can."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.system.gateway import offline_outputs
from vitalwire.cli.demo_run import SITE
from vitalwire.contracts import AlarmEvent, AlarmPhase, Beat, Vitals

KEYS = {
    "record", "signal_s", "chunks_sent", "chunks_processed", "chunks_lost", "beats",
    "beats_by_class", "alarms", "vitals_points", "stored_points", "wall_s",
}  # fmt: skip


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "vitalwire", "demo", "--headless", "--speed", "0", "--json",
         *map(str, arguments)],
        capture_output=True, text=True, timeout=180, check=False,
    )  # fmt: skip


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], str, Path]:
    folder = tmp_path_factory.mktemp("demo") / "kept"
    done = run("--keep", folder)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1]), done.stderr, folder


def test_it_says_what_it_did(demo: tuple[dict[str, Any], str, Path]) -> None:
    summary, said, _ = demo
    assert summary.keys() >= KEYS
    assert (summary["record"], summary["signal_s"]) == ("208", 300.0)
    assert summary["chunks_sent"] == summary["chunks_processed"] == 1500
    assert summary["chunks_lost"] == 0
    assert summary["beats"] > 450
    assert sum(summary["beats_by_class"].values()) == summary["beats"]
    assert summary["stored_points"] > summary["beats"]
    assert "Traceback" not in said


def test_the_alarm_on_purpose_is_labelled(demo: tuple[dict[str, Any], str, Path]) -> None:
    summary, said, _ = demo
    lead_off = [alarm for alarm in summary["alarms"] if alarm["kind"] == "lead_off"]
    assert len(lead_off) == 1
    assert lead_off[0]["evidence"]["injected"] is True
    assert summary["injected"]["leadoff"] > 0
    assert "injected on purpose" in said


def test_it_finds_what_the_pipeline_finds_offline(
    demo: tuple[dict[str, Any], str, Path],
) -> None:
    summary, _, folder = demo
    events = [output.event for output in offline_outputs(folder, SITE)]
    beats = [event for event in events if isinstance(event, Beat)]
    starts = [
        event.alarm_id
        for event in events
        if isinstance(event, AlarmEvent) and event.phase is AlarmPhase.START
    ]
    assert summary["beats"] == len(beats)
    assert summary["vitals_points"] == sum(isinstance(event, Vitals) for event in events)
    assert [alarm["alarm_id"] for alarm in summary["alarms"]] == starts


def test_without_the_fault_nothing_is_labelled_as_one() -> None:
    done = run("--no-lead-off")
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout.splitlines()[-1])
    assert summary["chunks_lost"] == 0
    # The recording itself has 4 s without a signal, at 209 s; classes say more beside it.
    technical = ("flat_signal", "lead_off", "poor_signal", "device_silent")
    kinds = [alarm["kind"] for alarm in summary["alarms"]]
    assert [kind for kind in kinds if kind in technical] == ["flat_signal"]
    assert not any(alarm["evidence"].get("injected") for alarm in summary["alarms"])
    assert "injected on purpose" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "word"),
    [(["--record", "/no/such"], "no such recording"), (["--speed", "-1"], "speed")],
)
def test_bad_input_is_one_line(arguments: list[str], word: str) -> None:
    done = run(*arguments)
    assert done.returncode == 2, done.stderr
    assert done.stderr.strip().splitlines()[-1].startswith("vitalwire: ")
    assert word in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
