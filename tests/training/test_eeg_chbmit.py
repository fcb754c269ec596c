"""CHB-MIT's folders: what summaries say, in all their forms, and where they are wrong."""

from pathlib import Path

import numpy as np
import pytest
import wfdb

from tests.training.made_eeg import FS, SECONDS, summary, write_case, write_eeg
from training.datasets.eeg_recording import EegRecording
from training.datasets.eeg_sets import EegSet, Layout, find_sets
from training.datasets.eeg_summary import Listed, read_summary
from vitalwire.errors import InputError

Spans = tuple[tuple[float, float], ...]


def found(folder: Path, *lines: str) -> dict[str, EegRecording]:
    """Recordings by name, with a line that has these words in it for each of `lines`."""
    said: list[str] = []
    sets = find_sets(folder, said.append)
    assert [one.layout for one in sets] == [Layout.CHB_MIT]
    assert len(said) == len(lines), said
    for words in lines:
        assert [one for one in said if all(word in one for word in words.split("|"))], said
    assert all("\n" not in one for one in said)
    return {one.name: one for one in sets[0].recordings}


def write_seizures(edf: Path, *samples: int, fs: float = FS) -> None:
    """`NAME.edf.seizures`, as PhysioNet has it."""
    symbols = ["[", "]"] * len(samples)
    wfdb.wrann(
        "made", "seizures", np.array(samples), symbols[: len(samples)], fs=fs,
        write_dir=str(edf.parent),
    )  # fmt: skip
    (edf.parent / "made.seizures").rename(edf.with_name(f"{edf.name}.seizures"))


def test_a_data_set_of_cases(tmp_path: Path) -> None:
    write_case(tmp_path / "eeg/chbmit", "chb01", [[], [(5, 9), (20, 31)]])
    write_case(tmp_path / "eeg/chbmit", "chb02", [[(1, 2)]], seconds=10)
    write_case(tmp_path / "eeg/chbmit", "chb21", [[]])
    said: list[str] = []
    (one,) = find_sets(tmp_path, said.append)
    assert said == []
    assert isinstance(one, EegSet)
    assert (one.name, one.folder) == ("chbmit", tmp_path / "eeg/chbmit")
    assert [(each.name, each.patient, each.seizures) for each in one.recordings] == [
        ("chb01_01", "chb01", ()),
        ("chb01_02", "chb01", ((5, 9), (20, 31))),
        ("chb02_01", "chb02", ((1, 2),)),
        ("chb21_01", "chb01", ()),  # the same girl
    ]
    assert one.patients == ("chb01", "chb02")
    assert one.duration_s == 3 * SECONDS + 10
    assert str(one) == "chbmit (CHB-MIT): 4 recordings, 0.0 h, 3 seizures of 2 patients"


def test_a_case_by_itself(tmp_path: Path) -> None:
    case = write_case(tmp_path, "chb05", [[(5, 9)]])
    assert found(case)["chb05_01"].patient == "chb05"


def test_a_summary_that_lies_elsewhere(tmp_path: Path) -> None:
    case = write_case(tmp_path, "chb05", [[(5, 9)]])
    (tmp_path / "summaries").mkdir()
    (case / "chb05-summary.txt").rename(tmp_path / "summaries/chb05-summary.txt")
    other = summary(("chb07_01.edf", [(1, 2)]))
    (tmp_path / "summaries/chb07-summary.txt").write_text(other)
    recordings = found(tmp_path, "summaries: none of the files|chb07-summary.txt")
    assert recordings["chb05_01"].seizures == ((5, 9),)


FIVE = "Seizure Start Time: 5 seconds"
NINE = "Seizure End Time: 9 seconds"
COUNT = "Number of Seizures in File: "


@pytest.mark.parametrize(
    ("lines", "wanted"),
    [
        ([COUNT + "1", FIVE, NINE], ((5, 9),)),
        (["Seizure 1 Start Time:  5 seconds", "Seizure 1 End Time:   9 seconds"], ((5, 9),)),
        (["Seizure 1 Start Time: 5 ", "Seizure 1 End Time:9 secs\r"], ((5, 9),)),
        ([COUNT + "2", FIVE, NINE, FIVE.replace("5", "15.5"), NINE.replace("9", "19")],
         ((5, 9), (15.5, 19))),
        (["Seizure 1 Start Time: 5 seconds", "Seizure 1 End Time: 9 seconds",
          "Seizure 2 Start Time: 15 seconds", "Seizure 1 End Time: 19 seconds"],
         ((5, 9), (15, 19))),
        (["File Start Time: 25:00:10", COUNT + "0"], ()),
        ([COUNT + "0", "", "Channels changed:", "****", "Channel 1: FP1-F7"], ()),
        ([], ()),
    ],
)  # fmt: skip
def test_forms_of_a_summary(tmp_path: Path, lines: list[str], wanted: Spans) -> None:
    path = tmp_path / "chb01-summary.txt"
    path.write_text("\n".join(["Data Sampling Rate: 256 Hz", "File Name: a.edf", *lines]))
    assert read_summary(path) == {"a.edf": Listed(path, wanted)}


@pytest.mark.parametrize(
    ("lines", "fault"),
    [
        ([COUNT + "2", FIVE, NINE], "number of seizures in file is 2|given of 1"),
        ([COUNT + "1"], "number of seizures in file is 1|given of 0"),
        ([COUNT + "one"], "number of seizures in file|got 'one'"),
        (["Seizure Start Time: soon", NINE], "start time|got 'soon'"),
        ([FIVE], "the seizure at 5 s has no end"),
        ([NINE], "end time 9 seconds|by turns"),
        ([FIVE, FIVE, NINE], "by turns"),
        ([COUNT + "0", "", "File Name: chb01_01.edf", COUNT + "1", FIVE, NINE], "is 0|of 1"),
        ([FIVE.replace("5", "11"), NINE], "got 11 to 9 s"),
        ([FIVE.replace("5", "95"), NINE.replace("9", "99")], "which has 40 s"),
    ],
)
def test_a_summary_that_cannot_be_right_costs_that_file(
    tmp_path: Path, lines: list[str], fault: str
) -> None:
    case = write_case(tmp_path, "chb01", [[(5, 9)], []])
    path = case / "chb01-summary.txt"
    text = "\n".join(["File Name: chb01_01.edf", *lines, summary(("chb01_02.edf", []))])
    path.write_text(text)
    assert list(found(case, f"left out: |{path}: chb01_01.edf|{fault}")) == ["chb01_02"]


def test_what_a_summary_gets_wrong_is_read_beside_the_file(tmp_path: Path) -> None:
    case = write_case(tmp_path, "chb01", [[(5, 9)], []])
    path = case / "chb01-summary.txt"
    path.write_text(path.read_text().replace(COUNT + "1", COUNT + "2"))
    write_seizures(case / "chb01_01.edf", round(6 * FS), round(8 * FS))
    said = f"{path}: chb01_01.edf|file is 2|read by chb01_01.edf.seizures"
    assert found(case, said)["chb01_01"].seizures == ((6, 8),)


def test_a_seizure_that_runs_over_the_end_is_cut(tmp_path: Path) -> None:
    case = write_case(tmp_path, "chb01", [[(5, 9), (30, 55)]])
    recordings = found(case, "chb01-summary.txt: chb01_01.edf: a seizure at 30 to 55 s is cut")
    assert recordings["chb01_01"].seizures == ((5, 9), (30, 40))


def test_files_that_are_missing_and_files_that_are_not_named(tmp_path: Path) -> None:
    case = write_case(tmp_path, "chb01", [[(5, 9)], [], []])
    (case / "chb01_02.edf").unlink()
    write_eeg(case / "chb01_04.edf")
    recordings = found(
        case,
        "chb01-summary.txt: names files that are not there: chb01_02.edf",
        "left out: |chb01_04.edf: no summary names it|its seizures are not known",
    )
    assert list(recordings) == ["chb01_01", "chb01_03"]


def test_a_summary_of_nothing_but_seizures_leaves_the_rest_without(tmp_path: Path) -> None:
    """As that of chb24 does, which has no clock times either."""
    case = write_case(tmp_path, "chb24", [[(5, 9)]])
    path = case / "chb24-summary.txt"
    lines = path.read_text().splitlines()
    path.write_text("\n".join(line for line in lines if "File Start" not in line))
    write_eeg(case / "chb24_02.edf")
    recordings = found(case, "chb24-summary.txt: names only files with seizures|chb24_02.edf")
    assert recordings["chb24_02"].seizures == ()
    path.write_text("nothing")
    with pytest.raises(InputError, match="none that can be read"):
        find_sets(case, print)


class TestSeizuresFiles:
    """`NAME.edf.seizures`."""

    def test_without_a_summary(self, tmp_path: Path) -> None:
        write_eeg(tmp_path / "chb03_01.edf")
        write_eeg(tmp_path / "chb03_02.edf")
        write_seizures(tmp_path / "chb03_01.edf", 64, 640, 1280, 1344)
        recordings = found(
            tmp_path,
            "chb03_01.edf: no summary names it: read by chb03_01.edf.seizures",
            "chb03_02.edf|nothing says where seizures are",
        )
        assert recordings["chb03_01"].seizures == ((1, 10), (20, 21))
        assert recordings["chb03_01"].patient == "chb03"

    def test_its_own_rate_counts(self, tmp_path: Path) -> None:
        write_eeg(tmp_path / "chb03_01.edf")
        write_seizures(tmp_path / "chb03_01.edf", 256, 2560, fs=256)
        recordings = found(tmp_path, "no summary names it")
        assert recordings["chb03_01"].seizures == ((1, 10),)

    def test_beside_a_summary(self, tmp_path: Path) -> None:
        case = write_case(tmp_path, "chb01", [[(5, 9)], [(5, 9)], [(5, 9)], []])
        for number, samples in enumerate([(320, 600), (640, 700), (320,), (64, 640)], start=1):
            write_seizures(case / f"chb01_{number:02}.edf", *samples)
        recordings = found(
            case,
            "chb01_02.edf: seizures at 5 to 9 s; chb01_02.edf.seizures: seizures at 10 to",
            "chb01_03.edf.seizures: expected an onset and an end|the summary is used",
            "chb01_04.edf: no seizure; chb01_04.edf.seizures: seizures at 1 to 10 s",
        )
        assert [one.seizures for one in recordings.values()] == [((5, 9),)] * 3 + [()]

    @pytest.mark.parametrize(("old", "new"), [(b"time", b"tome"), (b": 64", b": x4")])
    def test_a_definition_that_nobody_knows(
        self, tmp_path: Path, old: bytes, new: bytes
    ) -> None:
        """The library that reads them would read it for ever."""
        case = write_case(tmp_path, "chb01", [[(5, 9)]])
        write_seizures(case / "chb01_01.edf", 320, 576)
        path = case / "chb01_01.edf.seizures"
        assert old in path.read_bytes()
        path.write_bytes(path.read_bytes().replace(old, new))
        recordings = found(
            case, "chb01_01.edf.seizures: expected no definition|the summary is used"
        )
        assert recordings["chb01_01"].seizures == ((5, 9),)

    def test_broken(self, tmp_path: Path) -> None:
        write_case(tmp_path, "chb01", [[]])
        write_eeg(tmp_path / "chb03/chb03_01.edf")
        (tmp_path / "chb03/chb03_01.edf.seizures").write_bytes(b"\x01")
        line = "left out: |chb03_01.edf.seizures: not a WFDB annotation file"
        recordings = found(tmp_path, line)
        assert list(recordings) == ["chb01_01"]


def test_a_bad_file_costs_itself(tmp_path: Path) -> None:
    case = write_case(tmp_path, "chb01", [[(5, 9)], [(6, 8)], []])
    broken = case / "chb01_02.edf"
    broken.write_bytes(broken.read_bytes()[:-100])
    (case / "chb01_03.edf").write_bytes(b"")
    recordings = found(case, "chb01_02.edf: truncated", "chb01_03.edf: truncated|got 0")
    assert list(recordings) == ["chb01_01"]
