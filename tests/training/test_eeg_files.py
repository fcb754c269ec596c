"""Which leads of an EDF file are read, streamed, and where its seizures can be."""

import pickle
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.training.made_eeg import (
    FS,
    LEADS,
    SECONDS,
    patch_lead,
    write_eeg,
    write_signals,
)
from training.datasets.eeg_files import EegFile, fitted
from training.datasets.eeg_recording import EegRecording, Span, person_of
from vitalwire.errors import InputError
from vitalwire.recordings import open_recording


def recording(path: Path) -> EegRecording:
    said: list[str] = []
    found = EegFile.open(path, said.append).recording("p", ())
    assert said == []
    return found


def streamed(found: EegRecording, block_s: float) -> NDArray[np.float32]:
    blocks = list(found.blocks(block_s))
    assert all(one.dtype == np.float32 and one.shape[0] == len(found.leads) for one in blocks)
    return np.concatenate(blocks, axis=1)


@pytest.mark.parametrize("block_s", [0.001, 0.77, 10.0, 60.0])
def test_streaming_equals_reading_the_whole(tmp_path: Path, block_s: float) -> None:
    seconds = 2 if block_s < 0.1 else SECONDS
    found = recording(write_eeg(tmp_path / "a.edf", seconds))
    whole = open_recording(tmp_path / "a.edf").read()
    assert (found.leads, found.fs, found.duration_s) == (LEADS, FS, seconds)
    np.testing.assert_array_equal(streamed(found, block_s), whole)
    assert np.ptp(whole) > 200


def test_a_gap_is_nan_in_its_place(tmp_path: Path) -> None:
    found = recording(write_eeg(tmp_path / "a.edf", gap=(13, 27)))
    x = streamed(found, 3.3)
    assert found.duration_s == SECONDS
    lost = np.zeros(x.shape, bool)
    lost[:, round(13 * FS) : round(27 * FS)] = True
    np.testing.assert_array_equal(np.isnan(x), lost)


def test_another_process_can_read_it(tmp_path: Path) -> None:
    found = recording(write_eeg(tmp_path / "a.edf"))
    again = pickle.loads(pickle.dumps(found))
    assert again == found
    np.testing.assert_array_equal(streamed(again, 9), streamed(found, 9))


def test_a_file_that_has_changed_since(tmp_path: Path) -> None:
    found = recording(write_eeg(tmp_path / "a.edf"))
    write_eeg(tmp_path / "a.edf", SECONDS - 1)
    with pytest.raises(InputError, match=r"a\.edf: has changed"):
        next(found.blocks())
    (tmp_path / "a.edf").unlink()
    with pytest.raises(InputError, match=r"a\.edf: no such recording"):
        next(found.blocks())


class TestLeads:
    def test_twice_the_same_label(self, tmp_path: Path) -> None:
        path = write_signals(tmp_path / "a.edf", [("T8-P8", 64), ("CZ-PZ", 64), ("T8-P8", 64)])
        found = recording(path)
        assert found.leads == ("T8-P8", "CZ-PZ", "T8-P8-2")
        x = streamed(found, 60)
        assert not np.array_equal(x[0], x[2])

    def test_dummies_and_the_ecg_are_not_eeg(self, tmp_path: Path) -> None:
        labels = ["-", "FP1-F7", "-", "ECG", ".", "F7-T7", "-", "VNS"]
        path = write_signals(tmp_path / "a.edf", [(label, 64) for label in labels])
        assert recording(path).leads == ("FP1-F7", "F7-T7")

    def test_where_labels_say_nothing_dummies_are_none_either(self, tmp_path: Path) -> None:
        labels = ["-", "ch1", "ch2", "-", "ECG"]
        path = write_signals(tmp_path / "a.edf", [(label, 64) for label in labels])
        assert recording(path).leads == ("ch1", "ch2")

    def test_the_rate_of_most(self, tmp_path: Path) -> None:
        signals = [("Fp1", 64.0), ("Fp2", 64.0), ("Cz", 32.0), ("SPO2", 1.0)]
        path = write_signals(tmp_path / "a.edf", signals)
        said: list[str] = []
        file = EegFile.open(path, said.append)
        assert (file.leads, file.fs) == (("Fp1", "Fp2"), 64.0)
        (line,) = said
        assert f"{path}: lead Cz is left out: its rate is not the 64 Hz" in line

    @pytest.mark.parametrize(
        ("field", "text"), [("physical_max", "-400"), ("digital_max", "-32768")]
    )
    def test_an_empty_range_costs_the_lead(self, tmp_path: Path, field: str, text: str) -> None:
        path = write_signals(tmp_path / "a.edf", [(lead, 64) for lead in LEADS])
        whole = streamed(recording(path), 60)
        patch_lead(path, 1, field, text)
        said: list[str] = []
        file = EegFile.open(path, said.append)
        (line,) = said
        assert f"{path}: lead F7-T7 is left out: its range" in line
        x = streamed(file.recording("p", ()), 60)
        np.testing.assert_array_equal(x, whole[[0, 2]])

    def test_a_range_upside_down_turns_the_lead(self, tmp_path: Path) -> None:
        path = write_signals(tmp_path / "a.edf", [(lead, 64) for lead in LEADS])
        whole = streamed(recording(path), 60)
        patch_lead(path, 1, "physical_min", "400")
        patch_lead(path, 1, "physical_max", "-400")
        x = streamed(recording(path), 60)
        np.testing.assert_allclose(x[1], -whole[1], atol=0.02)
        np.testing.assert_array_equal(x[[0, 2]], whole[[0, 2]])

    def test_a_unit_that_is_no_voltage_costs_the_lead(self, tmp_path: Path) -> None:
        path = write_signals(tmp_path / "a.edf", [(lead, 64) for lead in LEADS])
        whole = streamed(recording(path), 60)
        patch_lead(path, 1, "unit", "mmHg")
        patch_lead(path, 2, "unit", "")  # says nothing
        said: list[str] = []
        file = EegFile.open(path, said.append)
        assert said == [f"{path}: lead F7-T7 is left out: its unit is 'mmHg', not V"]
        np.testing.assert_array_equal(streamed(file.recording("p", ()), 60), whole[[0, 2]])

    @pytest.mark.parametrize(("field", "text"), [("unit", "V"), ("physical_max", "9e30")])
    def test_more_than_an_electrode_can_give(
        self, tmp_path: Path, field: str, text: str
    ) -> None:
        path = write_signals(tmp_path / "a.edf", [(lead, 64) for lead in LEADS])
        patch_lead(path, 1, "physical_min", "-9e30" if text == "9e30" else "-4e3")
        patch_lead(path, 1, field, text)
        with pytest.raises(InputError, match=r"a\.edf: lead F7-T7: a step of .* is no scale"):
            EegFile.open(path, print)

    @pytest.mark.parametrize("labels", [["ECG"], ["-", "-"], ["-", "ECG", "EKG1"]])
    def test_no_eeg_lead(self, tmp_path: Path, labels: list[str]) -> None:
        path = write_signals(tmp_path / "a.edf", [(label, 64) for label in labels])
        with pytest.raises(InputError, match=rf"a\.edf: expected EEG leads.*{labels[-1]}"):
            EegFile.open(path, print)

    def test_every_range_empty(self, tmp_path: Path) -> None:
        path = write_signals(tmp_path / "a.edf", [("Fp1", 64), ("Fp2", 64)])
        for row in range(2):
            patch_lead(path, row, "physical_max", "-400")
        with pytest.raises(
            InputError, match=r"expected EEG leads.* physical range, got Fp1 \[uV\]"
        ):
            EegFile.open(path, print)


@pytest.mark.parametrize(
    ("spans", "wanted", "lines"),
    [
        ([], (), 0),
        ([(5, 9)], ((5, 9),), 0),
        ([(20, 30), (5, 9)], ((5, 9), (20, 30)), 0),
        ([(5, 9), (8, 12), (12, 14), (20, 21)], ((5, 14), (20, 21)), 0),
        ([(5, 30), (6, 7)], ((5, 30),), 0),
        ([(30, 40.9)], ((30, 40),), 0),  # rounded up
        ([(30, 50)], ((30, 40),), 1),
        ([(-0.5, 9)], ((0, 9),), 0),
        ([(-5, 9)], ((0, 9),), 1),
    ],
)
def test_seizures_are_fitted(spans: list[Span], wanted: tuple[Span, ...], lines: int) -> None:
    said: list[str] = []
    assert fitted(spans, 40.0, "a.tsv", said.append) == wanted
    assert len(said) == lines
    assert all("a.tsv: a seizure at" in line and "cut" in line for line in said)


@pytest.mark.parametrize(
    ("span", "word"),
    [
        ((9, 5), "must follow its onset, got 9 to 5"),
        ((5, 5), "must follow its onset"),
        ((40, 45), "outside the recording, which has 40 s"),
        ((-9, -1), "outside the recording"),
    ],
)
def test_seizures_that_cannot_be(span: Span, word: str) -> None:
    with pytest.raises(InputError, match=rf"a\.tsv: a seizure.*{word}"):
        fitted([(1, 2), span], 40.0, "a.tsv", print)


@pytest.mark.parametrize(
    ("name", "person"),
    [
        ("chb01_03", "chb01"), ("chb17a_03", "chb17"), ("chb02_16+", "chb02"),
        ("chb21_01", "chb01"), ("PN00-1", "PN00"), ("PN10-4.5.6", "PN10"), ("s03", "s03"),
        ("chb01_18_ictal", "chb01"), ("night", "night"),
    ],
)  # fmt: skip
def test_whose_it_is(name: str, person: str) -> None:
    assert person_of(name) == person
