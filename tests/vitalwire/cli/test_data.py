"""`vitalwire data` as a person types it."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.vitalwire.recordings.mirror import Mirror
from tests.vitalwire.recordings.test_fetch import FILES
from vitalwire.cli import app


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("VITALWIRE_DATA", raising=False)
    monkeypatch.setattr("vitalwire.recordings.fetch._FIRST_WAIT_S", 0.0)
    return tmp_path / "vitalwire"


def test_list_fetch_list(cache: Path) -> None:
    runner = CliRunner()
    with Mirror("mitdb", "1.0.0", FILES) as mirror:
        got = runner.invoke(app, ["data", "fetch", "mitdb", "--base-url", mirror.url, "--json"])
    assert got.exit_code == 0, got.output
    report = json.loads(got.stdout.splitlines()[-1])
    assert (report["files"], report["folder"]) == (6, str(cache / "ecg/mitdb"))
    listed = runner.invoke(app, ["data", "list", "--json"])
    sets = {found["name"]: found for found in json.loads(listed.stdout)["sets"]}
    assert sets["mitdb"]["present"][0]["records"] == 2
    assert sets["mitdb"]["licence"] == "ODC-By 1.0"
    assert sets["chbmit"]["present"] == []
    plain = runner.invoke(app, ["data", "list"])
    assert "2 records, 0.3 MB" in plain.stdout
    assert str(cache / "ecg/mitdb") in plain.stdout


def test_eeg_sets_are_listed_with_what_is_known_of_them(cache: Path) -> None:
    for name in ("chbmit-segments/a.edf", "bonn/clips.npz"):
        (cache / "eeg" / name).parent.mkdir(parents=True)
        (cache / "eeg" / name).write_bytes(b"x" * 200_000)
    lines = CliRunner().invoke(app, ["data", "list"]).stdout.splitlines()
    after = dict(zip([line.split()[0] for line in lines], lines[1:], strict=False))
    told = {line.split()[0]: line for line in lines}
    assert "198 seizures" in told["chbmit"]
    assert "47 seizures" in told["siena-scalp-eeg"]
    assert "no seizures" in told["background-emotiv"]
    assert after["chbmit"].split() == [
        "1", "records,", "0.2", "MB", "in", str(cache / "eeg/chbmit-segments")
    ]  # fmt: skip
    assert str(cache / "eeg/bonn") in after["bonn"]


def test_check_fetches_again_what_went_bad(cache: Path) -> None:
    runner = CliRunner()
    with Mirror("mitdb", "1.0.0", FILES) as mirror:
        command = ["data", "fetch", "mitdb", "--records", "208", "--base-url", mirror.url]
        assert runner.invoke(app, command).exit_code == 0
        (cache / "ecg/mitdb/208.dat").write_bytes(b"bad")
        assert runner.invoke(app, [*command, "--check"]).exit_code == 0
    assert (cache / "ecg/mitdb/208.dat").read_bytes() == FILES["208.dat"]


def test_mirror_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Mirror("mitdb", "1.0.0", FILES) as mirror:
        monkeypatch.setenv("VITALWIRE_PHYSIONET_URL", mirror.url)
        done = CliRunner().invoke(app, ["data", "fetch", "mitdb", "--to", str(tmp_path / "d")])
    assert done.exit_code == 0, done.output
    assert (tmp_path / "d/ecg/mitdb/100.hea").is_file()


@pytest.mark.parametrize(
    ("arguments", "code", "word"),
    [
        (["nothing"], 2, "known: mitdb"),
        (["chbmit", "--patients", "one"], 2, "expected numbers"),
        (["bonn"], 2, "is not at PhysioNet"),
        (["mitdb", "--base-url", "ftp://x"], 2, "http"),
        (["mitdb", "--base-url", "http://127.0.0.1:9"], 1, "is there a network"),
    ],
)
def test_bad_input_is_one_line(arguments: list[str], code: int, word: str) -> None:
    done = CliRunner().invoke(app, ["data", "fetch", *arguments])
    assert done.exit_code == code, done.output
    assert word in done.stderr.replace("\n", " ")
