"""`vitalwire evaluate qrs`, as it is typed."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest


def run(folder: Path, *words: str, data: Path | None) -> subprocess.CompletedProcess[str]:
    environment = {k: v for k, v in os.environ.items() if k != "VITALWIRE_DATA"}
    if data is not None:
        environment["VITALWIRE_DATA"] = str(data)
    command = [sys.executable, "-m", "vitalwire", "evaluate", "qrs", *words]
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


def test_a_record_of_the_test_set_is_scored_written_and_logged(
    data_dir: Path, tmp_path: Path
) -> None:
    docs = tmp_path / "docs"
    docs.mkdir()
    (docs / "results.md").write_text("# Results\n")
    (docs / "test-set-log.md").write_text("| when | what | figures |\n")
    done = run(tmp_path, "--records", "100", "--no-noise", "--results", "--json", data=data_dir)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout.splitlines()[-1])
    assert report["n_records"] == report["ds2"]["n_records"] == 1
    assert report["tp"] + report["fn"] == 1902  # annotated beats of 100 from minute 5 on
    assert report["qrs.se"] > 99.5
    assert report["qrs.ppv"] > 99.5
    assert f"{report['qrs.se']:.2f}" in (docs / "results.md").read_text()
    assert "DS2 (1)" in (docs / "test-set-log.md").read_text()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--data", "."), "expected WFDB records"),
        (("--data", "nowhere"), "expected WFDB records"),
    ],
)
def test_bad_input_is_one_line(tmp_path: Path, words: tuple[str, ...], said: str) -> None:
    done = run(tmp_path, *words, data=None)
    assert done.returncode == 2
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not any(tmp_path.iterdir())
