"""Every command explains itself, and is written about."""

import subprocess
import sys
from pathlib import Path

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from vitalwire.cli import _COMMANDS, app

ROOT = Path(__file__).parents[3]


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "vitalwire", *arguments],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def paths() -> list[tuple[str, ...]]:
    """Every command, and every command of a group."""
    root = get_command(app)
    found: list[tuple[str, ...]] = []
    for name in _COMMANDS:
        command = root.get_command(None, name)  # type: ignore[attr-defined]
        inner = getattr(command, "commands", None)
        found += [(name, one) for one in inner] if inner else [(name,)]
    return found


PATHS = paths()


def help_of(path: tuple[str, ...]) -> str:
    """What `--help` shows, without a process for each."""
    shown = CliRunner().invoke(app, [*path, "--help"])
    assert shown.exit_code == 0, shown.output
    return shown.output


@pytest.mark.parametrize("path", PATHS, ids=" ".join)
def test_help_has_an_example(path: tuple[str, ...]) -> None:
    text = help_of(path)
    assert "Usage:" in text
    assert f"Example: vitalwire {' '.join(path)}" in " ".join(text.split())


@pytest.mark.parametrize("path", PATHS, ids=" ".join)
def test_every_command_is_written_about(path: tuple[str, ...]) -> None:
    pages = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
    written = "\n".join(page.read_text() for page in pages if page.exists())
    assert f"vitalwire {' '.join(path)}" in written


@pytest.mark.parametrize("arguments", [("fly",), ("bridge", "fly"), ("log", "fly")])
def test_a_command_that_is_not_there(arguments: tuple[str, ...]) -> None:
    done = run(*arguments)
    assert done.returncode == 2
    assert "fly" in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize("path", PATHS, ids=" ".join)
def test_an_option_that_is_not_there(path: tuple[str, ...]) -> None:
    done = CliRunner().invoke(app, [*path, "--no-such-option"])
    assert done.exit_code == 2
    assert "no-such-option" in done.output


def test_alone_it_lists_the_commands() -> None:
    done = run("--help")
    assert done.returncode == 0
    assert all(name in done.stdout for name in _COMMANDS)
    assert run("--version").stdout.startswith("vitalwire ")
