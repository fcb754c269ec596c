"""Siena's lists of seizures: times of day, typed by hand."""

from pathlib import Path

import pytest

from tests.training.made_eeg import SECONDS, write_eeg
from training.datasets.eeg_recording import EegRecording
from training.datasets.eeg_sets import Layout, find_sets
from training.datasets.eeg_siena_list import read_list
from vitalwire.errors import InputError

HEAD = "DATASET PN00\n\nSampling rate: 512 hz\n\nChannels (electrodes):\n\n- Channel 1: Fp1\n\n"


def listed(
    name: str, start: str, end: str, registration: tuple[str, str] | None, number: int = 1
) -> str:
    """A seizure as a list tells it."""
    lines = [f"Seizure n {number}", f"File name: {name}"]
    if registration is not None:
        lines += [
            f"Registration start time: {registration[0]}",
            f"Registration end time:  {registration[1]}",
        ]
    lines += [f"Seizure start time: {start}", f"Seizure end time: {end}", ""]
    return "\n".join([*lines, ""])


NOON = ("12.00.00", "12.00.40")  # when the recordings that we write begin and end


def write_person(folder: Path, person: str, *names: str, text: str) -> Path:
    for name in names:
        write_eeg(folder / person / name)
    path = folder / person / f"Seizures-list-{person}.txt"
    path.write_text(HEAD + text)
    return path


def found(folder: Path, *lines: str) -> dict[str, EegRecording]:
    """Recordings by name, with a line that has these words in it for each of `lines`."""
    said: list[str] = []
    (one,) = find_sets(folder, said.append)
    assert one.layout is Layout.SIENA
    assert len(said) == len(lines), said
    for words in lines:
        assert [one for one in said if all(word in one for word in words.split("|"))], said
    return {one.name: one for one in one.recordings}


def test_a_data_set_of_people(tmp_path: Path) -> None:
    base = tmp_path / "siena-scalp-eeg"
    text = listed("PN00-1.edf", "12.00.05", "12.00.09", NOON)
    text += listed("PN00-2.edf", "12.00.20", "12.00.31", NOON, 2)
    write_person(base, "PN00", "PN00-1.edf", "PN00-2.edf", text=text)
    text = listed("PN12-1.2.edf", "12:00.01", "12.00.02", NOON)
    text += listed("PN12-1.2.edf", "12.00.30", "12.00.33", None, 2)  # began as it says above
    write_person(base, "PN12", "PN12-1.2.edf", text=text)
    said: list[str] = []
    (one,) = find_sets(base, said.append)
    assert said == []
    assert (one.name, one.layout) == ("siena-scalp-eeg", Layout.SIENA)
    assert [(each.name, each.patient, each.seizures) for each in one.recordings] == [
        ("PN00-1", "PN00", ((5, 9),)),
        ("PN00-2", "PN00", ((20, 31),)),
        ("PN12-1.2", "PN12", ((1, 2), (30, 33))),
    ]


@pytest.mark.parametrize(
    ("text", "seizures"),
    [
        (  # as that of PN01: the file once, for all that follow
            ["File name: PN01.edf", "Registration start time: 12:00:00", "",
             "Seizure n 1", "Start time: 12:00:05", "End time: 12:00:09", "",
             "Seizure n 2:", "Start time: 12:00:20 ", "End time: 12:00:31 (sleep)"],
            ((5, 9), (20, 31)),
        ),
        (  # as those of PN10: a second time behind the first, a space inside
            ["Seizure n1", "File name: PN01-1.edf", "Registration start time:1 2.00.00",
             "Seizure start time: 12.00.05 (CLINICAL ONSET); 12.00.07 (ELECTRIC ONSET)",
             "Seizure end time: 12.00.09 opure 12.00.08"],
            ((5, 9),),
        ),
        (["Seizure n 1", "File name: PN01-1.edf", "Registration start time: none",
          "Seizure start time: 12.00.05", "Seizure end time: 12.00.09"], ((5, 9),)),
        (["Seizure n 1", "Seizure start time: 12.00.05", "Seizure end time: 12.00.09"],
         ((5, 9),)),
        (["Seizure n 1", "File name: pno1-1.EDF", "Seizure start time: 12.00.05",
          "Seizure end time: 12.00.09"], ((5, 9),)),
        (["Seizure n 1", "File name: PN01-.edf", "Seizure start time: 12.00.05",
          "Seizure end time: 12.00.09"], ((5, 9),)),
    ],
)  # fmt: skip
def test_forms_of_a_list(
    tmp_path: Path, text: list[str], seizures: tuple[tuple[float, float], ...]
) -> None:
    write_person(tmp_path, "PN01", "PN01-1.edf", text="\n".join(text))
    (one,) = find_sets(tmp_path, print)
    assert [each.seizures for each in one.recordings] == [seizures]


def test_a_name_without_a_number_means_the_only_file(tmp_path: Path) -> None:
    text = listed("PN11-.edf", "12.00.05", "12.00.09", NOON)
    write_person(tmp_path, "PN11", "PN11-1.edf", text=text)
    found(tmp_path, "'PN11-.edf' is read as PN11-1.edf")
    write_eeg(tmp_path / "PN11/PN11-2.edf")
    with pytest.raises(InputError, match="none that can be read"):
        find_sets(tmp_path, print)


def test_a_number_is_never_mistaken_for_another(tmp_path: Path) -> None:
    text = listed("PN10-1.edf", "12.00.05", "12.00.09", NOON)
    text += listed("PN10-10.edf", "12.00.20", "12.00.30", NOON, 2)
    write_person(tmp_path, "PN10", "PN10-10.edf", text=text)
    recordings = found(tmp_path, "files that are not there: PN10-1.edf")
    assert recordings["PN10-10"].seizures == ((20, 30),)


def test_over_midnight(tmp_path: Path) -> None:
    text = listed("PN01-1.edf", "23.59.55", "00.00.05", ("23.59.50", "00.00.30"))
    text += listed("PN01-1.edf", "00.00.10", "00.00.12", None, 2)
    (tmp_path / "PN01").mkdir()
    write_eeg(tmp_path / "PN01/PN01-1.edf", clock_s=12 * 3600 - 10)
    (tmp_path / "PN01/Seizures-list-PN01.txt").write_text(text)
    assert found(tmp_path)["PN01-1"].seizures == ((5, 15), (20, 22))


@pytest.mark.parametrize(
    ("registration", "used", "onset_s"),
    [
        (("11.00.00", "12.00.40"), "file", 5),  # as PN14-3: the end fits the file's clock
        (("11.59.50", "12.00.30"), "list", 15),  # the end fits the list
        (("11.59.50", "12.34.56"), "list", 15),  # neither
    ],
)
def test_where_list_and_file_begin_at_other_times(
    tmp_path: Path, registration: tuple[str, str], used: str, onset_s: int
) -> None:
    text = listed("PN14-3.edf", "12.00.05", "12.00.09", registration)
    write_person(tmp_path, "PN14", "PN14-3.edf", text=text)
    line = f"registration start time is {registration[0]}|12.00.00: the {used}'s is used"
    assert found(tmp_path, line)["PN14-3"].seizures == ((onset_s, onset_s + 4),)


def test_an_end_that_is_known_to_be_wrong(tmp_path: Path) -> None:
    text = listed("PN00-3.edf", "18.28.29", "19.29.29", ("18.15.44", "18.57.13"))
    path = tmp_path / "Seizures-list-PN00.txt"
    path.write_text(text)
    (one,) = read_list(path)
    assert [end - start for start, end in one.seizures] == [60]


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("Seizure start time: 12.00.05", "Seizure start time: early", "got 'early'"),
        ("Seizure end time: 12.00.09", "Seizure end time: 12.00.99", "got '12.00.99'"),
        ("Seizure end time: 12.00.09", "", "a seizure has no end time"),
        ("Seizure start time: 12.00.05", "", "a seizure has no start time"),
        ("12.00.05", "12.30.05", "lies outside the recording"),
        ("12.00.05", "12.00.09", "must follow its onset"),
        ("File name: PN00-1.edf", "File name: PN00-3.edf", "no Seizures-list names it"),
    ],
)
def test_a_list_that_cannot_be_right_costs_that_file(
    tmp_path: Path, old: str, new: str, fault: str
) -> None:
    text = listed("PN00-1.edf", "12.00.05", "12.00.09", NOON).replace(old, new)
    text += listed("PN00-2.edf", "12.00.20", "12.00.31", NOON, 2)
    write_person(tmp_path, "PN00", "PN00-1.edf", "PN00-2.edf", text=text)
    lines = [f"left out: |PN00-1.edf|{fault}"]
    if "PN00-3" in new:
        lines.append("names files that are not there: PN00-3.edf")
    assert list(found(tmp_path, *lines)) == ["PN00-2"]


def test_an_end_behind_the_recordings_is_cut(tmp_path: Path) -> None:
    text = listed("PN00-1.edf", "12.00.30", "12.00.59", NOON)
    write_person(tmp_path, "PN00", "PN00-1.edf", text=text)
    recordings = found(tmp_path, "PN00-1.edf: a seizure at 30 to 59 s is cut")
    assert recordings["PN00-1"].seizures == ((30, SECONDS),)


def test_an_empty_list(tmp_path: Path) -> None:
    write_person(tmp_path, "PN00", "PN00-1.edf", text="")
    said: list[str] = []
    with pytest.raises(InputError, match="none that can be read"):
        find_sets(tmp_path, said.append)
    assert "Seizures-list-PN00.txt: tells of no seizure" in said[0]
    assert len(said) == 2
