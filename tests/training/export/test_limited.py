"""Work in a process of its own: done, overdue, refused or dead, and nothing stays behind."""

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.training.export import children
from training.export import limited as module
from training.export.limited import FailedWorkError, limited


@pytest.fixture(autouse=True)
def nobody_is_left() -> Iterator[None]:
    yield
    left = [" ".join(one.cmdline()) for one in psutil.Process().children(recursive=True)]
    assert not [command for command in left if "spawn_main" in command]


def test_what_was_made_comes_back_whole() -> None:
    assert limited(600, children.large, 5000) == children.large(5000)


@pytest.mark.parametrize("work", [children.never, children.stubborn])
def test_what_is_overdue_is_ended_and_what_it_wrote_goes_with_it(
    work: module.Work, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_GRACE_S", 0.5)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with pytest.raises(TimeoutError, match="not done in 2 s"):
        limited(2, work)
    assert list(tmp_path.iterdir()) == []


def test_what_is_ended_leaves_nothing_to_complain_of() -> None:
    script = (
        "from tests.training.export.children import never\n"
        "from training.export.limited import limited\n"
        "try: limited(2, never)\n"
        "except TimeoutError as error: print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=Path(__file__).parents[3], capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert (done.stdout, done.stderr) == ("not done in 2 s\n", "")


@pytest.mark.parametrize(
    ("work", "arguments", "said"),
    [
        (children.refuses, (), "^NotImplementedError: no such layer$"),
        (children.dies, (), "^its process ended with -9$"),
        (children.large, (children.Odd(),), "^ValueError: invalid literal"),
    ],
)
def test_what_fails_is_told_in_one_line(
    work: module.Work, arguments: tuple[object, ...], said: str
) -> None:
    with pytest.raises(FailedWorkError, match=said):
        limited(600, work, *arguments)
