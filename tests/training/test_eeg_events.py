"""EDF files with SzCORE's events tables: BIDS folders, and pieces cut around seizures."""

import json
from pathlib import Path

import pytest

from tests.training.made_eeg import SECONDS, events, write_eeg
from training.datasets.eeg_events import read_events
from training.datasets.eeg_recording import EegRecording, Kind
from training.datasets.eeg_sets import EegSet, Layout, find_sets
from vitalwire.errors import InputError

WIDE = ("confidence", "channels", "dateTime", "recordingDuration")
REST = ("n/a", "n/a", "2024-05-17 12:00:00")
NONE = events((0, SECONDS, "bckg", *REST, f"{SECONDS:.2f}"), columns=WIDE)


def write_run(folder: Path, subject: str, session: str | None, run: int, table: str) -> Path:
    """A run of a BIDS folder; gives the EDF file."""
    parts = [f"sub-{subject}", *([f"ses-{session}"] if session else [])]
    stem = "_".join([*parts, "task-szMonitoring", f"run-{run:02}"])
    where = folder.joinpath(*parts, "eeg")
    write_eeg(where / f"{stem}_eeg.edf")
    (where / f"{stem}_events.tsv").write_text(table)
    return where / f"{stem}_eeg.edf"


def find(folder: Path, *lines: str) -> list[EegSet]:
    """The sets, with a line that has these words in it for each of `lines`."""
    said: list[str] = []
    sets = find_sets(folder, said.append)
    assert {one.layout for one in sets} == {Layout.EVENTS}
    assert len(said) == len(lines), said
    for words in lines:
        assert [one for one in said if all(word in one for word in words.split("|"))], said
    return sets


def by_name(*sets: EegSet) -> dict[str, EegRecording]:
    return {one.name: one for each in sets for one in each.recordings}


def test_a_bids_folder(tmp_path: Path) -> None:
    base = tmp_path / "eeg/hospital"
    one = events((5, 4, "sz_foc_ia", *REST, 40), (20, 11.5, "sz", *REST, 40), columns=WIDE)
    write_run(base, "01", "01", 0, one)
    write_run(base, "01", "02", 0, NONE)
    write_run(base, "02", None, 3, events())
    (base / "participants.tsv").write_text("participant_id\nsub-01\nsub-02\n")
    for copies in ("derivatives/szcore", "sourcedata"):
        write_run(base / copies, "01", "01", 0, one)
    (found,) = find(tmp_path)
    assert (found.name, found.folder) == ("hospital", base)
    assert [(each.name, each.patient, each.seizures) for each in found.recordings] == [
        ("sub-01_ses-01_task-szMonitoring_run-00", "hospital/sub-01", ((5, 9), (20, 31.5))),
        ("sub-01_ses-02_task-szMonitoring_run-00", "hospital/sub-01", ()),
        ("sub-02_task-szMonitoring_run-03", "hospital/sub-02", ()),
    ]
    assert {each.kind for each in found.recordings} == {Kind.CONTINUOUS}


@pytest.mark.parametrize(
    ("name", "subject", "patient"),
    [
        ("BIDS CHB-MIT Scalp EEG Database", "01", "chb01"),
        ("CHB-MIT", "chb05", "chb05"),
        ("BIDS Siena Scalp EEG Database", "00", "PN00"),
        ("Another", "01", "Another/sub-01"),
    ],
)
def test_a_copy_has_the_people_of_what_it_is_a_copy_of(
    tmp_path: Path, name: str, subject: str, patient: str
) -> None:
    write_run(tmp_path / "a", subject, None, 0, NONE)
    description = json.dumps({"Name": name, "BIDSVersion": "1.8.0"})
    (tmp_path / "a/dataset_description.json").write_text(description)
    (found,) = find(tmp_path)
    assert found.patients == (patient,)


def test_sub_01_of_another_folder_is_another_person(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        write_run(tmp_path / folder, "01", None, 0, NONE)
    (tmp_path / "a/dataset_description.json").write_text("nonsense")
    assert [one.patients for one in find(tmp_path)] == [("a/sub-01",), ("b/sub-01",)]


def test_pieces_around_seizures(tmp_path: Path) -> None:
    base = tmp_path / "segments"
    for name, table in {
        "chb07_03_onset": events((10, 20, "sz")),
        "chb07_12_before": events((0, SECONDS, "bckg")),
        "chb07_12_ictal": events((0, SECONDS, "sz")),
        "chb07_13_ictal": events((0, SECONDS, "sz")),
        "chb21_01_before": events((0, SECONDS, "bckg")),
    }.items():
        write_eeg(base / f"{name}.edf")
        (base / f"{name}_events.tsv").write_text(table)
    (found,) = find(tmp_path, "chb07_13_ictal.edf: has no chb07_13_before.edf beside it")
    named = by_name(found)
    assert {name: one.kind for name, one in named.items()} == {
        "chb07_03_onset": Kind.ONSET,
        "chb07_12_before": Kind.BEFORE,
        "chb07_12_ictal": Kind.ICTAL,
        "chb07_13_ictal": Kind.ICTAL,
        "chb21_01_before": Kind.BEFORE,
    }
    assert named["chb07_12_ictal"].primed_by == named["chb07_12_before"]
    assert named["chb07_13_ictal"].primed_by is None
    assert named["chb07_12_ictal"].seizures == ((0, SECONDS),)
    assert named["chb07_03_onset"].seizures == ((10, 30),)
    assert found.patients == ("chb01", "chb07")


@pytest.mark.parametrize(
    ("table", "fault"),
    [
        ("", "expected a column onset, has none"),
        ("onset\tduration\ttrial_type\n5\t4\tseizure\n", "expected a column eventType"),
        (events((5, 4, "sz", "bckg"), columns=["eventType"]), "a column eventType, has 2"),
        (events((5, 4, "seizure")), "line 2: eventType: expected sz, sz_... or bckg, got 's"),
        (events((5, 4, "sz"), ("n/a", 4, "sz")), "line 3: onset: expected seconds, got 'n/a'"),
        (events((5, "nan", "sz")), "line 2: duration: expected seconds, got 'nan'"),
        (events((5, "inf", "sz")), "line 2: duration"),
        ("onset\tduration\teventType\n5\n", "line 2: eventType"),
        (events((5, 4, "sz", "soon"), columns=WIDE[3:]), "line 2: recordingDuration"),
        (events((5, 0, "sz")), "must follow its onset"),
        (events((41, 4, "sz")), "outside the recording, which has 40 s"),
        ("onset\tduration\teventType\n\xff\n", "cannot be read"),
    ],
)
def test_a_table_that_cannot_be_right_costs_that_file(
    tmp_path: Path, table: str, fault: str
) -> None:
    bad = write_run(tmp_path / "a", "01", None, 0, "")
    path = bad.with_name(bad.name.replace("_eeg.edf", "_events.tsv"))
    path.write_bytes(table.encode("latin-1"))
    write_run(tmp_path / "a", "02", None, 0, NONE)
    (found,) = find(tmp_path, f"left out: |{path}|{fault}")
    assert found.patients == ("a/sub-02",)


def test_what_a_table_may_have(tmp_path: Path) -> None:
    path = tmp_path / "a_events.tsv"
    rows = [
        (5, 4, "sz"),
        ("n/a", "n/a", "bckg"),
        (7, 3, "impd"),
        (9, 1, "sz_gen_m_tonicClonic"),
    ]
    path.write_text("\ufeff" + events(*rows), encoding="utf-8")
    assert read_events(path).seizures == ((5, 9), (9, 10))
    with pytest.raises(InputError, match=r"none\.tsv: cannot be read"):
        read_events(tmp_path / "none.tsv")


def test_a_table_of_a_longer_recording(tmp_path: Path) -> None:
    table = events((5, 4, "sz", 90), (30, 25, "sz", 90), columns=WIDE[3:])
    write_run(tmp_path / "a", "01", None, 0, table)
    (found,) = find(
        tmp_path,
        "recordingDuration is 90 s|run-00_eeg.edf has 40 s",
        "events.tsv: a seizure at 30 to 55 s is cut to the recording's 40 s",
    )
    assert found.recordings[0].seizures == ((5, 9), (30, 40))


def test_an_edf_file_without_a_table(tmp_path: Path) -> None:
    write_run(tmp_path / "a", "01", None, 0, NONE)
    lost = write_run(tmp_path / "a", "02", None, 0, NONE)
    lost.with_name(lost.name.replace("_eeg.edf", "_events.tsv")).unlink()
    (found,) = find(tmp_path, f"left out: |nothing says where seizures are: {lost.name}")
    assert len(found.recordings) == 1


def test_a_link_to_nothing(tmp_path: Path) -> None:
    """As a copy has them whose large files were not fetched."""
    write_run(tmp_path / "a", "01", None, 0, NONE)
    lost = write_run(tmp_path / "a", "02", None, 0, NONE)
    lost.unlink()
    lost.symlink_to(tmp_path / "annex" / "x")
    (found,) = find(tmp_path, f"left out: {lost}: a link to a file that is not there: fetch")
    assert len(found.recordings) == 1


def test_a_gap_counts_in_the_time_of_events(tmp_path: Path) -> None:
    write_eeg(tmp_path / "chb01_01.edf", gap=(10, 25))
    (tmp_path / "chb01_01_events.tsv").write_text(events((30, 5, "sz")))
    (found,) = find(tmp_path)
    one = found.recordings[0]
    assert (one.seizures, one.duration_s) == (((30, 35),), SECONDS)
