"""What a folder holds, the sets that are not of seizures, downloads, and the real ones."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from tests.training.made_eeg import SECONDS, events, write_case, write_eeg
from tests.vitalwire.recordings.mirror import Mirror
from training.datasets.eeg_recording import Kind
from training.datasets.eeg_sets import EegSet, Layout, find_sets
from training.datasets.eeg_summary import read_summary
from vitalwire.cli import app
from vitalwire.errors import InputError


def find(folder: Path, *lines: str) -> dict[str, EegSet]:
    """The sets by name, with a line that has these words in it for each of `lines`."""
    said: list[str] = []
    sets = find_sets(folder, said.append)
    assert len(said) == len(lines), said
    for words in lines:
        assert [one for one in said if all(word in one for word in words.split("|"))], said
    return {one.name: one for one in sets}


@pytest.mark.parametrize("inside", ["", "eeg", "eeg/chbmit/chb01", "notes.txt"])
def test_an_empty_folder(tmp_path: Path, inside: str) -> None:
    if inside.endswith(".txt"):
        (tmp_path / inside).write_text("no recording")
    else:
        (tmp_path / inside).mkdir(parents=True, exist_ok=True)
    with pytest.raises(InputError, match=r"expected EDF files.*vitalwire data fetch chbmit"):
        find_sets(tmp_path, print)
    with pytest.raises(InputError, match="no such folder"):
        find_sets(tmp_path / "none", print)


def test_everything_at_once(tmp_path: Path) -> None:
    eeg = tmp_path / "eeg"
    write_case(eeg / "chbmit", "chb01", [[(5, 9)]])
    write_eeg(eeg / "pieces/chb02_01_onset.edf")
    (eeg / "pieces/chb02_01_onset_events.tsv").write_text(events((10, 5, "sz")))
    write_eeg(eeg / "other/x.edf")
    write_eeg(eeg / "pieces/bare.edf")
    write_eeg(tmp_path / "ecg/y.edf")  # not looked at
    sets = find(
        tmp_path,
        f"left out: |{eeg / 'other'}: nothing says where seizures are: x.edf",
        f"left out: |{eeg / 'pieces'}: nothing says where seizures are: bare.edf",
    )
    assert {name: one.layout for name, one in sets.items()} == {
        "chbmit": Layout.CHB_MIT,
        "pieces": Layout.EVENTS,
    }


class TestBackground:
    """People without a seizure."""

    def test_a_table_of_participants(self, tmp_path: Path) -> None:
        for name in ("s03", "s05", "s05_2", "s07"):
            write_eeg(tmp_path / f"{name}.edf")
        table = tmp_path / "participants.tsv"
        table.write_text("participant\tgroup\ns03\tEpilepsy\ns05\tControl\ns09\tControl\n")
        sets = find(
            tmp_path,
            "participants.tsv: names people without a file: s09",
            "participants.tsv: does not name people of files, read all the same: s07",
        )
        (one,) = sets.values()
        assert (one.layout, one.n_seizures) == (Layout.BACKGROUND, 0)
        assert one.patients == ("s03", "s05", "s07")
        assert [each.name for each in one.recordings] == ["s03", "s05", "s05_2", "s07"]

    @pytest.mark.parametrize(
        ("content", "fault"),
        [
            (b"name\ns03\n", "expected a column participant, has none"),
            (b"participant\n\xff\n", "cannot be read"),
        ],
    )
    def test_a_table_that_is_none(self, tmp_path: Path, content: bytes, fault: str) -> None:
        write_case(tmp_path, "chb01", [[]])
        write_eeg(tmp_path / "rest/s03.edf")
        (tmp_path / "rest/participants.tsv").write_bytes(content)
        sets = find(tmp_path, f"left out: |participants.tsv: {fault}")
        assert [one.layout for one in sets.values()] == [Layout.CHB_MIT]


class TestBonn:
    """The archive of clips."""

    @staticmethod
    def write(path: Path, changed: dict[str, Any], without: str = "") -> dict[str, Any]:
        rng = np.random.default_rng(0)
        clips = {name: rng.integers(-900, 900, (2, 401)).astype(np.int16) for name in "ZONFS"}
        arrays: dict[str, Any] = {**clips, "fs": np.array(173.61), **changed}
        arrays.pop(without, None)
        np.savez_compressed(path, **arrays)
        return clips

    def test_clips_are_recordings(self, tmp_path: Path) -> None:
        clips = self.write(tmp_path / "clips.npz", {})
        (one,) = find(tmp_path).values()
        assert one.layout is Layout.BONN
        names = [f"{name}{number:03}" for name in "ZONFS" for number in (1, 2)]
        assert [each.name for each in one.recordings] == names
        for each in one.recordings:
            row = clips[each.name[0]][int(each.name[1:]) - 1]
            np.testing.assert_array_equal(np.concatenate(list(each.blocks(1)), axis=1)[0], row)
            assert each.seizures == (((0, 401 / 173.61),) if each.name[0] == "S" else ())
        assert one.patients == ("bonn",)
        assert {(each.kind, each.training_only) for each in one.recordings} == {
            (Kind.CLIP, True)
        }

    @pytest.mark.parametrize(
        ("changed", "fault"),
        [
            ({"N": np.zeros((2, 401))}, r"array N: expected int16 \(clips, samples\), got fl"),
            ({"N": np.zeros(401, np.int16)}, "array N: expected int16"),
            ({"fs": np.array(0.0)}, "array fs: expected one rate"),
            ({"fs": np.array("fast")}, "array fs: expected one rate"),
            ({}, "array fs: cannot be read"),
        ],
    )
    def test_an_archive_that_cannot_be_right(
        self, tmp_path: Path, changed: dict[str, Any], fault: str
    ) -> None:
        self.write(tmp_path / "clips.npz", changed, without="" if changed else "fs")
        said: list[str] = []
        with pytest.raises(InputError, match="none that can be read") as caught:
            find_sets(tmp_path, said.append)
        (line,) = said
        assert str(caught.value).endswith(line)
        assert line.startswith(f"left out: {tmp_path / 'clips.npz'}: ")
        assert fault.replace("\\", "") in line

    def test_another_archive_is_not_looked_at(self, tmp_path: Path) -> None:
        write_case(tmp_path, "chb01", [[]])
        np.savez(tmp_path / "weights.npz", w=np.zeros(3))
        assert len(find(tmp_path)) == 1

    def test_a_broken_archive(self, tmp_path: Path) -> None:
        write_case(tmp_path, "chb01", [[]])
        (tmp_path / "empty.npz").write_bytes(b"")
        self.write(tmp_path / "clips.npz", {})
        whole = (tmp_path / "clips.npz").read_bytes()
        (tmp_path / "clips.npz").write_bytes(whole[:-200])
        (tmp_path / "torn.npz").write_bytes(whole[:100] + b"\xff" * 30 + whole[130:])
        sets = find(
            tmp_path,
            "left out: |empty.npz: not a NumPy archive",
            "left out: |clips.npz: not a NumPy archive",
            "left out: |torn.npz: array |cannot be read",
        )
        assert [one.layout for one in sets.values()] == [Layout.CHB_MIT]


def test_two_cases_are_fetched_and_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vitalwire.recordings.fetch._FIRST_WAIT_S", 0.0)
    server = tmp_path / "server"
    for case, seizures in (("chb01", (5, 9)), ("chb02", (7, 8)), ("chb03", (20, 31))):
        write_case(server, case, [[], [seizures]])
    files = {
        str(path.relative_to(server)): path.read_bytes()
        for path in sorted(server.rglob("*"))
        if path.is_file()
    }
    files |= {"RECORDS": b"chb01/chb01_01.edf\n", "SUBJECT-INFO": b"who"}
    to = tmp_path / "here"
    with Mirror("chbmit", "1.0.0", files) as mirror:
        mirror.cut_after["chb03/chb03_02.edf"] = [700]  # goes on where it stopped
        command = ["data", "fetch", "chbmit", "--patients", "1,3", "--to", str(to)]
        done = CliRunner().invoke(app, [*command, "--base-url", mirror.url])
        assert done.exit_code == 0, done.output
        assert mirror.sent["chb03/chb03_02.edf"] == len(files["chb03/chb03_02.edf"])
        assert not any(name.startswith("chb02") for name in mirror.asked)
    (one,) = find(to).values()
    assert (one.name, one.folder) == ("chbmit", to / "eeg/chbmit")
    assert {each.name: each.seizures for each in one.recordings} == {
        "chb01_01": (),
        "chb01_02": ((5, 9),),
        "chb03_01": (),
        "chb03_02": ((20, 31),),
    }
    assert one.duration_s == 4 * SECONDS


class TestReal:
    """The sets that `VITALWIRE_DATA` has."""

    def test_segments(self, data_dir: Path) -> None:
        (one,) = find(data_dir / "eeg/chbmit-segments").values()
        seizures = {
            patient: sum(
                len(each.seizures) for each in one.recordings if each.patient == patient
            )
            for patient in one.patients
        }
        assert seizures == {"chb01": 7, "chb03": 7}
        kinds = [each.kind for each in one.recordings]
        assert [kinds.count(kind) for kind in (Kind.ONSET, Kind.BEFORE, Kind.ICTAL)] == [
            4, 10, 10
        ]  # fmt: skip
        for each in one.recordings:
            assert (each.fs, len(each.leads)) == (256.0, 23)
            if each.kind is Kind.ICTAL:
                assert each.primed_by is not None
                assert each.primed_by.name == each.name.replace("ictal", "before")
            if each.kind is Kind.ONSET:
                assert each.seizures[0][0] == 10.0
        x = np.concatenate(list(one.recordings[0].blocks(7)), axis=1)
        assert x.shape == (23, one.recordings[0].n_samples)
        assert 10 < x.std() < 500
        assert not np.isnan(x).any()

    def test_summaries(self, data_dir: Path) -> None:
        paths = sorted((data_dir / "eeg/chbmit-summaries").glob("chb*-summary.txt"))
        files = [one for path in paths for one in read_summary(path).values()]
        assert (len(paths), len(files)) == (24, 676)
        assert [one.fault for one in files if one.fault] == []
        assert sum(len(one.seizures) for one in files) == 198

    def test_background(self, data_dir: Path) -> None:
        (one,) = find(data_dir / "eeg/background-emotiv").values()
        assert (one.layout, len(one.patients), one.n_seizures) == (Layout.BACKGROUND, 30, 0)
        assert {(each.fs, len(each.leads)) for each in one.recordings} == {(128.0, 14)}
        assert 2.5 < one.duration_s / 3600 < 2.7

    def test_bonn(self, data_dir: Path) -> None:
        (one,) = find(data_dir / "eeg/bonn").values()
        assert len(one.recordings) == 500
        assert [each.name[0] for each in one.recordings if each.seizures] == ["S"] * 100
        assert {round(each.duration_s, 1) for each in one.recordings} == {23.6}

    def test_all_of_it(self, data_dir: Path) -> None:
        said: list[str] = []
        sets = find_sets(data_dir, said.append)
        assert {"background-emotiv", "bonn", "chbmit-segments"} <= {one.name for one in sets}
        assert all(len(line.splitlines()) == 1 for line in said)
