"""The units are what systemd takes, and leave a service little to do harm with."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.deploy.broker import DEPLOY
from tests.servers import find_binary

UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
INSTALLED = "/opt/vitalwire/bin/vitalwire"
MOST_EXPOSED = 3.0  # of 10, by `systemd-analyze security`


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """The units as if vitalwire were installed: systemd looks whether the program is there."""
    program = Path(sys.executable).with_name("vitalwire")
    for unit in UNITS:
        text = unit.read_text()
        assert text.count(f"ExecStart={INSTALLED} ") == 1
        (tmp_path / unit.name).write_text(text.replace(INSTALLED, str(program)))
    return tmp_path


def _analyze(*args: str | Path) -> str:
    """Run `systemd-analyze`; what it said, on both channels."""
    program = find_binary("systemd-analyze", "systemd")
    done = subprocess.run(
        [program, "--no-pager", *args], capture_output=True, text=True, timeout=60, check=False
    )
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    return said


def test_the_units_are_these() -> None:
    assert [unit.name for unit in UNITS] == [
        "vitalwire-bridge@.service",
        "vitalwire-edge.service",
        "vitalwire-feed.service",
    ]


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_systemd_has_nothing_to_say(installed: Path, unit: Path) -> None:
    said = _analyze("verify", "--man=no", installed / unit.name)
    about_ours = [line for line in said.splitlines() if "vitalwire" in line]
    assert about_ours == []


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_little_is_exposed(installed: Path, unit: Path) -> None:
    said = _analyze("security", "--offline=true", installed / unit.name)
    score = re.search(r"Overall exposure level for \S+: ([0-9.]+)", said)
    assert score, said
    assert float(score[1]) < MOST_EXPOSED, said
