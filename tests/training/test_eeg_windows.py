"""Stretches that are cut out of recordings of EEG."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edge.offline import chunks_of
from edge.stages.eeg_hops import hops_of
from edge.stages.eeg_signal import EEG_FS_HZ, N_HOP
from tests.training.made_seizures import FS, PATIENTS, background, write_seizures, write_x
from training.datasets.eeg_recording import EegRecording, Kind, Span
from training.datasets.eeg_windows import (
    APART_S,
    AROUND_S,
    PIECE_S,
    EegData,
    read_eeg_data,
    spans_of,
    windows_of,
)
from vitalwire.contracts import Signal
from vitalwire.errors import InputError
from vitalwire.recordings import open_recording


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> EegData:
    return read_eeg_data(write_seizures(tmp_path_factory.mktemp("eeg")))


def recording(path: Path, seconds: float, seizures: tuple[Span, ...] = ()) -> EegRecording:
    leads = ("AF3", "F7")
    return EegRecording(
        "p1", path.stem, path, Kind.CONTINUOUS, leads, FS, round(seconds * FS), seizures,
        source=lambda: open_recording(path, signal=Signal.EEG, leads=leads),
    )  # fmt: skip


def test_people_and_sets(data: EegData) -> None:
    assert data.with_seizures == list(PATIENTS)
    assert len(data.without_seizures) == 10
    assert [one["name"] for one in data.entries] == ["clips", "pieces", "quiet"]
    assert data.entries[1]["what"] == "6 recordings of 2 people, 4 seizures"
    assert data.skipped == []


def test_a_piece_of_a_seizure_comes_behind_the_piece_before_it(data: EegData) -> None:
    (ictal,) = (one for one in data.of(["chb01"]) if one.kind is Kind.ICTAL)
    assert ictal.n_before == 40
    assert ictal.n_hops == pytest.approx(80, abs=2)
    assert not ictal.ictal[:40].any()
    assert ictal.ictal[40:].all()


def test_a_hop_is_ictal_where_its_middle_is(data: EegData) -> None:
    (whole,) = (one for one in data.of(["chb01"]) if one.kind is Kind.ONSET)
    assert np.flatnonzero(whole.ictal)[0] == 40
    assert whole.signal.shape == (3, whole.n_hops * N_HOP)


def test_whom_is_left_out_has_to_be_there(data: EegData) -> None:
    assert data.without(["chb01"]).with_seizures == ["chb03"]
    with pytest.raises(InputError, match="chb99"):
        data.without(["chb99"])


def test_a_long_recording_gives_its_seizures_and_some_background(tmp_path: Path) -> None:
    seizures = ((1000.0, 1040.0), (1100.0, 1150.0), (3000.0, 3060.0))
    long = recording(tmp_path / "x.edf", 7200, seizures)
    spans = spans_of(long, 0.25)
    assert (1000 - AROUND_S, 1150 + AROUND_S) in spans  # two in one
    assert (3000 - AROUND_S, 3060 + AROUND_S) in spans
    quiet = [one for one in spans if one[1] - one[0] == PIECE_S]
    assert quiet
    for first, end in quiet:
        assert all(end < on - APART_S or first > off + APART_S for on, off in seizures)
    assert spans == spans_of(long, 0.25)  # by its name
    assert len(spans_of(long, 0.5)) > len(spans)
    assert len(spans_of(long, 0.0)) == 2


def test_a_stretch_is_what_the_gateway_has_there(tmp_path: Path) -> None:
    """Filters have settled before it, to what half precision holds."""
    x = background(2, 960, 5)
    path = write_x(tmp_path / "x.edf", x, ("AF3", "F7"))
    long = recording(path, 960, ((400.0, 430.0),))
    (window,) = (one for one in windows_of(long, 0.0))
    hops = list(hops_of(chunks_of(open_recording(path).read(), FS, signal=Signal.EEG)))
    first = round((400 - AROUND_S) * EEG_FS_HZ / N_HOP)
    whole = np.concatenate([hop.signal for hop in hops[first : first + window.n_hops]], axis=1)
    assert window.n_hops == pytest.approx((2 * AROUND_S + 30) * 4, abs=2)
    np.testing.assert_allclose(window.signal, whole, atol=0.2, rtol=1e-2)
    assert np.flatnonzero(window.ictal)[0] == AROUND_S * 4


def test_memory_is_bounded(tmp_path: Path) -> None:
    folder = write_seizures(tmp_path)
    for number in range(3):
        long = background(2, 2000, number)
        write_x(folder / "eeg" / "quiet" / f"s4{number}.edf", long, ("AF3", "F7"))
    table = folder / "eeg" / "quiet" / "participants.tsv"
    table.write_text(table.read_text() + "s40\ns41\ns42\n")
    budget = 2_000_000

    def size(data: EegData) -> int:
        return sum(one.signal.nbytes for one in data.windows)

    assert size(read_eeg_data(folder)) > budget
    few = read_eeg_data(folder, budget)
    assert size(few) < 1.1 * budget
    assert {"s40", "s41", "s42"} <= set(few.without_seizures)


def test_what_cannot_be_analysed_is_told(tmp_path: Path) -> None:
    slow = replace(recording(tmp_path / "x.edf", 60), fs=64.0)
    with pytest.raises(
        InputError, match="expected 1 to 32 leads at 100 to 1024 Hz, got 2 at 64 Hz"
    ):
        list(windows_of(slow))


def test_a_seizure_that_no_lead_shows(tmp_path: Path) -> None:
    write_x(tmp_path / "aa01.edf", np.zeros((2, 20 * 128), np.float32), ("AF3", "F7"))
    (tmp_path / "aa01_events.tsv").write_text("onset\tduration\teventType\n5\t10\tsz\n")
    with pytest.raises(InputError, match="no EEG with an annotated seizure in leads that can"):
        read_eeg_data(tmp_path)


def test_a_folder_without_a_seizure(tmp_path: Path) -> None:
    write_x(tmp_path / "s01.edf", background(2, 20, 1), ("AF3", "F7"))
    (tmp_path / "participants.tsv").write_text("participant\ns01\n")
    with pytest.raises(InputError, match="no EEG with an annotated seizure"):
        read_eeg_data(tmp_path)
