"""A run folder is whole at every moment, and says in one line what it is not."""

import json
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import torch

from tests.small_disk import small_file_system
from training.run_folder import FORMAT, RunFolder, data_hash, provenance
from vitalwire.errors import InputError, UnavailableError


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    folder = RunFolder(tmp_path / "run")
    folder.create({"task": "ecg-beat"}, provenance("vitalwire train", []))
    return folder


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_what_was_written_is_read(run: RunFolder) -> None:
    assert run.config == {"task": "ecg-beat"}
    assert run.provenance["command"] == "vitalwire train"
    assert run.provenance["format"] == FORMAT
    run.write_history([{"epoch": 0, "score": 1.5}])
    run.write_facts({"temperature": 1.0})
    run.save("last.pt", {"weights": torch.arange(3)})
    assert run.history() == [{"epoch": 0, "score": 1.5}]
    assert run.facts == {"temperature": 1.0}
    assert run.load("last.pt")["weights"].tolist() == [0, 1, 2]
    assert not list(run.path.glob(".part-*"))


def test_a_folder_with_something_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(InputError, match="is not empty"):
        RunFolder(tmp_path).create({}, {})
    assert files(tmp_path) == {"mine.txt": b"mine"}
    with pytest.raises(InputError, match="is no folder"):
        RunFolder(tmp_path / "mine.txt").create({}, {})
    assert files(tmp_path) == {"mine.txt": b"mine"}


def test_an_empty_folder_is_a_new_one(tmp_path: Path) -> None:
    RunFolder(tmp_path).create({"task": "ecg-beat"}, {})
    assert RunFolder(tmp_path).config == {"task": "ecg-beat"}


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff\xfe", b'"text"'])
def test_a_config_that_is_none(run: RunFolder, content: bytes) -> None:
    (run.path / "config.json").write_bytes(content)
    with pytest.raises(InputError, match=r"config\.json"):
        _ = run.config


def test_no_run_at_all(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no run is here"):
        _ = RunFolder(tmp_path / "nowhere").config


def test_a_run_of_another_format(run: RunFolder) -> None:
    (run.path / "provenance.json").write_text(json.dumps({"format": FORMAT + 1}))
    with pytest.raises(
        InputError, match=f"expected a run of format {FORMAT}, got {FORMAT + 1}"
    ):
        _ = run.config


def test_a_run_that_has_not_finished(run: RunFolder) -> None:
    with pytest.raises(InputError, match="has not finished"):
        _ = run.facts
    with pytest.raises(InputError, match="no such checkpoint"):
        run.load("best.pt")
    assert run.history() == []


@pytest.mark.parametrize("torn", ['{"epoch": 2, "sco', '{"epoch": {}', "\x00\x00}", ""])
def test_a_history_whose_end_is_torn(run: RunFolder, torn: str) -> None:
    run.write_history([{"epoch": 0}, {"epoch": 1}])
    with (run.path / "history.jsonl").open("a") as file:
        file.write(torn)
    assert run.history() == [{"epoch": 0}, {"epoch": 1}]


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.99])
def test_a_checkpoint_that_was_cut_off(run: RunFolder, share: float) -> None:
    run.save("last.pt", {"weights": torch.arange(1000)})
    whole = (run.path / "last.pt").read_bytes()
    (run.path / "last.pt").write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(InputError, match=r"last\.pt: cannot be read"):
        run.load("last.pt")


def test_a_checkpoint_is_no_program(run: RunFolder) -> None:
    torch.save({"weights": Path("/")}, run.path / "last.pt")
    with pytest.raises(InputError, match="cannot be read"):
        run.load("last.pt")


def test_figures_that_are_no_numbers_are_not_written(run: RunFolder) -> None:
    with pytest.raises(ValueError, match="JSON"):
        run.write_facts({"temperature": float("nan")})
    assert not run.has("facts.json")


def test_a_hash_is_of_names_and_bytes(tmp_path: Path) -> None:
    for name, text in (("a", "1"), ("b", "2")):
        (tmp_path / name).write_text(text)
    both = [tmp_path / "b", tmp_path / "a"]
    before = data_hash(both, tmp_path)
    assert data_hash(both[::-1], tmp_path) == before
    (tmp_path / "a").write_text("2")
    changed = data_hash(both, tmp_path)
    (tmp_path / "a").write_text("1")
    (tmp_path / "b").rename(tmp_path / "c")
    assert len({before, changed, data_hash([tmp_path / "a", tmp_path / "c"], tmp_path)}) == 3


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own, 64 pages large."""
    with small_file_system(tmp_path / "small", 64 * 4096) as disk:
        yield disk


def test_a_full_disk_leaves_the_last_checkpoint_whole(small_disk: Path) -> None:
    run = RunFolder(small_disk / "run")
    run.create({"task": "ecg-beat"}, {})
    run.save("last.pt", {"epoch": 1, "weights": torch.zeros(20_000)})
    with (small_disk / "ballast").open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(4096))
    os.truncate(small_disk / "ballast", (small_disk / "ballast").stat().st_size - 4 * 4096)
    with pytest.raises(UnavailableError, match=r"last\.pt: cannot be written .No space"):
        run.save("last.pt", {"epoch": 2, "weights": torch.ones(20_000)})
    assert not list(run.path.glob(".part-*"))
    assert run.load("last.pt")["epoch"] == 1
    (small_disk / "ballast").unlink()
    run.save("last.pt", {"epoch": 2, "weights": torch.ones(20_000)})
    assert run.load("last.pt")["epoch"] == 2
