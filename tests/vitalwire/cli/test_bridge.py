"""`vitalwire bridge` as a person types it."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.servers import Mosquitto, wait_until

COMMAND = [sys.executable, "-m", "vitalwire", "bridge", "replay"]


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *arguments], capture_output=True, text=True, timeout=60, check=False
    )


def test_the_bundled_recording(mosquitto: Mosquitto) -> None:
    done = run(
        "--port", str(mosquitto.port), "--site", "cli", "--speed", "0", "--json",
        "--fault", "drop:p=0.1", "--fault", "leadoff:at=20,for=10,lead=0", "--seed", "4",
        "--lead-state", "known",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout.splitlines()[-1])
    assert (report["record"], report["leads"], report["signal_s"]) == ("208", ["MLII"], 300.0)
    assert report["chunks_sent"] == report["acked"] == 1500 - report["faults"]["drop"]
    assert report["faults"]["leadoff"] == 50
    assert "chunks sent" in done.stderr


def test_real_eeg_with_chosen_leads(mosquitto: Mosquitto, data_dir: Path) -> None:
    record = str(data_dir / "eeg/eegmmidb/S001R03.edf")
    place = ("--port", str(mosquitto.port), "--site", "cli-eeg", "--speed", "0", "--json")
    refused = run(record, *place)
    assert refused.returncode == 2
    assert "64 leads" in refused.stderr
    done = run(record, *place, "--leads", "1-32")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert (len(report["leads"]), report["samples_sent"]) == (32, 20_000)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_ends_it_in_order(mosquitto: Mosquitto, number: signal.Signals) -> None:
    arguments = ["--port", str(mosquitto.port), "--site", f"cli-{number}", "--loop", "--json"]
    process = subprocess.Popen(
        [*COMMAND, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    listener = subprocess.run(
        ["mosquitto_sub", "-p", str(mosquitto.port), "-C", "3", "-W", "30", "-t",
         f"vitalwire/v1/cli-{number}/+/ecg/chunk", "-F", "%t"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert listener.returncode == 0
    os.kill(process.pid, number)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 0, err
    report = json.loads(out)
    assert report["stopped"] is True
    assert report["acked"] == report["chunks_sent"]
    wait_until(lambda: process.poll() is not None, "the process ends")


@pytest.mark.parametrize(
    ("arguments", "code", "word"),
    [
        (["--port", "1"], 1, "refused"),
        (["/no/such"], 2, "no such recording"),
        (["--fault", "bla"], 2, "known: drop:p="),
        (["--fault", "leadoff:at=1,lead=4"], 2, "leads count from 0"),
        (["--lead-state", "maybe"], 2, "known or unknown"),
        (["--loop", "--speed", "2"], 2, "loop goes with speed 1"),
        (["--device", "a b"], 2, "device must be"),
        (["--leads", "V9"], 2, "no lead"),
        (["--chunk-s", "0"], 2, "chunk length"),
        (["--ca-file", "/no/such"], 2, "not a certificate"),
    ],
)
def test_bad_input_is_one_line(arguments: list[str], code: int, word: str) -> None:
    done = run(*arguments)
    assert done.returncode == code, done.stderr
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("vitalwire: ")
    assert word in last
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
