"""`vitalwire bench gateway` times the pipeline; how long it took is not tested."""

import json
import subprocess
import sys
from pathlib import Path


def test_every_stream_with_and_without_models(tmp_path: Path) -> None:
    page = tmp_path / "docs" / "results.md"
    page.parent.mkdir()
    page.write_text("# Results\n")
    done = subprocess.run(
        [sys.executable, "-m", "vitalwire", "bench", "gateway", "--seconds", "0.01",
         "--results", "--json"],
        capture_output=True, text=True, check=False, cwd=tmp_path, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout.splitlines()[-1])
    found = [(one["stream"].split(":")[0], one["models"]) for one in report["streams"]]
    assert ("ECG, 1 lead, 360 Hz", "none") in found
    assert ("ECG, 1 lead, 360 Hz", "ecg-beat, ecg-rhythm") in found
    assert (
        found.count(("EEG, 18 leads, 256 Hz", "none")) == 2
    )  # the frames alone, and all of it
    assert ("EEG, 18 leads, 256 Hz", "one that answers at once") in found
    assert all(one["ms"] > 0.0 for one in report["streams"])
    assert "| EEG, 18 leads, 256 Hz | none |" in done.stderr
    written = page.read_text()
    assert written.count("bench-gateway: ") == 2
    assert "| EEG, 18 leads, 256 Hz | none |" in written
