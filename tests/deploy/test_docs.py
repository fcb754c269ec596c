"""The guides name commands, options, files and sizes that there are."""

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.deploy.broker import DEPLOY
from vitalwire import cli, wire

DOCS = DEPLOY.parent / "docs"
GUIDES = ["operator.md", "engineer.md"]
LOG_BYTES = 57  # of a frame and a record with a topic of usual length; see docs/operator.md
DAY_S = 86_400


def _commands(page: str) -> list[str]:
    """Every use of the command in a block of shell lines."""
    blocks = re.findall(r"```sh\n(.*?)```", (DOCS / page).read_text(), re.DOTALL)
    known = "|".join(cli._COMMANDS)
    return re.findall(rf"(?<![\w.-])vitalwire ((?:{known})\b.*)", "".join(blocks))


def _help(words: list[str]) -> str:
    done = CliRunner().invoke(cli.app, [*words, "--help"], env={"COLUMNS": "200"})
    assert done.exit_code == 0, f"vitalwire {' '.join(words)}: {done.output}"
    return done.output


@pytest.mark.parametrize("page", GUIDES)
def test_commands_and_options_in_the_guides_exist(page: str) -> None:
    commands = _commands(page)
    assert len(commands) >= 3
    for line in commands:
        name, *rest = re.sub(r"['#].*", "", line).split()
        told = _help([name])
        if "COMMAND" in told.splitlines()[0]:  # a group
            told = _help([name, rest[0]])
        for option in (word for word in rest if word.startswith("-")):
            assert re.search(rf"(?<!\S){option}(?!\S)", told), f"{page}: vitalwire {line}"


@pytest.mark.parametrize("page", GUIDES)
def test_files_that_the_guides_install_exist(page: str) -> None:
    for name in re.findall(r"\bdeploy/[\w./@-]+\w", (DOCS / page).read_text()):
        assert (DEPLOY.parent / name).exists(), name


@pytest.mark.parametrize("path", sorted(DOCS.rglob("*.md")), ids=lambda path: path.name)
def test_links_lead_somewhere(path: Path) -> None:
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", path.read_text()):
        assert (path.parent / target).exists(), target


def test_sizes_are_those_of_the_wire_format() -> None:
    page = (DOCS / "operator.md").read_text()
    table = page.split("<!-- sizes:")[1].split("<!-- end of sizes -->")[0]
    rows = re.findall(r"^\| ([\d.]+(?: \| [\d.]+){5}) \|$", table, re.MULTILINE)
    assert len(rows) == 5
    for row in rows:
        leads, fs, chunk_s, n_bytes, sent_mb, logged_mb = map(float, row.split(" | "))
        size = wire.chunk_bytes(int(leads), round(fs * chunk_s))
        assert size == n_bytes
        assert sent_mb == pytest.approx(size / chunk_s * DAY_S / 1e6, abs=0.6)
        assert logged_mb == pytest.approx((size + LOG_BYTES) / chunk_s * DAY_S / 1e6, abs=0.6)


def test_decisions_are_numbered_and_have_their_three_parts() -> None:
    pages = sorted((DOCS / "adr").glob("*.md"))
    assert [page.name[:3] for page in pages] == [f"{n:03}" for n in range(1, len(pages) + 1)]
    for page in pages:
        text = page.read_text()
        assert text.startswith(f"# {int(page.name[:3])}. ")
        parts = re.findall(r"^(?:## |\*\*)(\w+)", text, re.MULTILINE)
        assert parts == ["Context", "Decision", "Consequences"], page.name
