"""`docs/results.md` and `docs/test-set-log.md`: written by the commands that measure.

A section of the results lies between two marks and is replaced as a whole; the log of looks
at the test set only grows.
"""

from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from vitalwire.errors import InputError
from vitalwire.recordings.atomic import staged

RESULTS: Final = Path("docs") / "results.md"
TEST_SET_LOG: Final = Path("docs") / "test-set-log.md"


def write_section(path: Path, name: str, text: str) -> None:
    """Replace the section `name` of a results page, or put it at the end.

    Raises
    ------
    InputError
        There is no such page: it is written in a checkout of the project.
    """
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    try:
        page = path.read_text(encoding="utf-8")
    except OSError as error:
        raise InputError(f"cannot read {path} ({error.strerror}): run in a checkout") from None
    section = f"{begin}\n{text.strip()}\n{end}"
    if begin in page and end in page:
        head, rest = page.split(begin, 1)
        page = head + section + rest.split(end, 1)[1]
    else:
        page = f"{page.rstrip()}\n\n{section}\n"
    with staged(path.parent, [path.name]) as work:
        (work / path.name).write_text(page, encoding="utf-8")


def log_test_set_look(path: Path, what: str, figures: str) -> None:
    """Say that the test set was looked at; where there is a log, it is never silent."""
    if not path.exists():
        return
    when = datetime.now(UTC).strftime("%Y-%m-%d %H:%M")
    with path.open("a", encoding="utf-8") as log:
        log.write(f"| {when} | {what} | {figures} |\n")
