"""The pages that commands write: a section is replaced as a whole, the log only grows."""

from pathlib import Path

import pytest

from training.results import log_test_set_look, write_section
from vitalwire.errors import InputError


def test_a_section_is_put_at_the_end_then_replaced_in_its_place(tmp_path: Path) -> None:
    page = tmp_path / "results.md"
    page.write_text("# Results\n")
    write_section(page, "one", "first")
    write_section(page, "two", "second")
    write_section(page, "one", "first, again")
    text = page.read_text()
    assert text.startswith("# Results\n")
    assert text.index("first, again") < text.index("second")
    assert text.count("first") == text.count("<!-- one: begin -->") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["results.md"]


def test_no_page_is_said(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="run in a checkout"):
        write_section(tmp_path / "results.md", "one", "first")


def test_looks_are_appended_where_there_is_a_log(tmp_path: Path) -> None:
    log = tmp_path / "test-set-log.md"
    log_test_set_look(log, "QRS", "Se 1")
    assert not log.exists()
    log.write_text("| when | what | figures |\n")
    log_test_set_look(log, "QRS", "Se 1")
    log_test_set_look(log, "QRS", "Se 2")
    lines = log.read_text().splitlines()
    assert [line.split(" | ")[1:] for line in lines[1:]] == [
        ["QRS", "Se 1 |"],
        ["QRS", "Se 2 |"],
    ]
