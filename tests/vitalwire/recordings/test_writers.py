"""What is written is read back the same, by us and by wfdb and edfio; whole or not at all."""

from collections.abc import Iterator
from pathlib import Path

import edfio
import numpy as np
import pytest
import wfdb
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.vitalwire.recordings.records import random_samples
from vitalwire.errors import ContractError, InputError
from vitalwire.recordings import open_recording, read_annotations, write_annotations
from vitalwire.recordings.edf_writer import Note, write_edf
from vitalwire.recordings.format import Format, Segment
from vitalwire.recordings.wfdb_writer import write_wfdb

START_NS = 1_763_770_000_250_000_000


def layout(n_channels: int = 2, fs: float = 250.0, offset: float = 0.0) -> Format:
    return Format(
        tuple(f"ECG{i + 1}" for i in range(n_channels)), fs, "mV",
        np.full(n_channels, 0.005, np.float32), np.full(n_channels, offset, np.float32),
        START_NS, ("made by a test",),
    )  # fmt: skip


def test_wfdb_round_trip_with_gaps_and_missing(tmp_path: Path) -> None:
    data = random_samples(2, 1000)
    data[0, 10:20] = np.nan
    write_wfdb(tmp_path, "r", layout(), [Segment(500, data), Segment(201_500, data)])
    theirs = wfdb.rdrecord(str(tmp_path / "r"))
    assert theirs.p_signal.shape == (202_000, 2)
    np.testing.assert_allclose(theirs.p_signal[:1000].T, data, atol=1e-6)
    assert np.isnan(theirs.p_signal[1000:201_000]).all()
    assert theirs.comments == ["made by a test"]
    assert theirs.base_datetime.microsecond == 250_000
    digital = wfdb.rdrecord(str(tmp_path / "r"), physical=False)
    # wfdb-python counts to 65535, signal(5) in signed 16 bits.
    assert [c % 65536 for c in digital.checksum] == digital.calc_checksum()
    ours = open_recording(tmp_path / "r")
    assert (ours.start_ns, ours.leads) == (START_NS, ("ECG1", "ECG2"))
    np.testing.assert_allclose(ours.read().T, theirs.p_signal, atol=1e-6)


def test_real_record_goes_through_unchanged(data_dir: Path, tmp_path: Path) -> None:
    opened = open_recording(data_dir / "ecg/mitdb/208")
    form = Format(opened.leads, opened.fs, opened.unit, opened.scale, opened.offset)
    blocks = [Segment(at, opened.read(at, 5000)) for at in range(0, 100_000, 5000)]
    again = open_recording(write_wfdb(tmp_path, "r", form, blocks))
    np.testing.assert_array_equal(again.digital(0, 100_000), opened.digital(0, 100_000))
    np.testing.assert_array_equal(again.read(), opened.read(0, 100_000))
    edf = open_recording(write_edf(tmp_path / "r.edf", form, blocks))
    np.testing.assert_allclose(edf.read(0, 100_000), opened.read(0, 100_000), atol=2e-5)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 700), st.integers(1, 900)), min_size=1, max_size=6),
    st.sampled_from([128.0, 130.16, 250.0]),
)
def test_edf_round_trip(
    tmp_path_factory: pytest.TempPathFactory,
    spans: list[tuple[int, int]],
    fs: float,
) -> None:
    """Any segments, gaps and missing samples: each sample comes back, or NaN in its place."""
    segments, at = [], 0
    for gap, n in spans:
        at += gap
        data = random_samples(2, n)
        if n > 20:
            data[0, n // 3 : n // 3 + n // 7] = np.nan
        segments.append(Segment(at, data))
        at += n
    origin = segments[0].first_sample
    whole = np.full((2, at - origin), np.nan, np.float32)
    for segment in segments:
        first = segment.first_sample - origin
        whole[:, first : first + segment.data.shape[1]] = segment.data
    path = tmp_path_factory.mktemp("edf") / "r.edf"
    read = open_recording(write_edf(path, layout(fs=fs), segments)).read()
    np.testing.assert_allclose(read[:, : whole.shape[1]], whole, atol=1e-5)
    assert np.isnan(read[:, whole.shape[1] :]).all()


def test_edf_is_read_by_edfio(tmp_path: Path) -> None:
    data = random_samples(2, 1000)
    path = write_edf(
        tmp_path / "r.edf", layout(), [Segment(0, data)], [Note(1.5, 0.5, "sinus \x14 pause")]
    )
    theirs = edfio.read_edf(path)
    assert (theirs.reserved, theirs.is_continuous) == ("EDF+C", True)
    assert theirs.startdatetime.isoformat() == "2025-11-22T00:06:40.250000"
    assert theirs.annotations == (edfio.EdfAnnotation(1.5, 0.5, "sinus  pause"),)
    np.testing.assert_allclose(theirs.signals[1].data, data[1], atol=1e-5)


def test_edf_of_32_fast_leads_keeps_the_record_small(tmp_path: Path) -> None:
    data = random_samples(32, 9000)
    path = write_edf(tmp_path / "r.edf", layout(32, fs=4000.0), [Segment(0, data)])
    theirs = edfio.read_edf(path)
    assert theirs.data_record_duration < 1
    np.testing.assert_allclose(open_recording(path).read(0, 9000), data, atol=1e-5)


def test_unknown_start(tmp_path: Path) -> None:
    form = layout()
    without = Format(form.leads, form.fs, form.unit, form.scale, form.offset)
    data = [Segment(0, random_samples(2, 500))]
    assert open_recording(write_edf(tmp_path / "r.edf", without, data)).start_ns is None
    assert open_recording(write_wfdb(tmp_path, "r", without, data)).start_ns is None


def test_offset_that_is_no_whole_number_of_steps(tmp_path: Path) -> None:
    data = random_samples(2, 500) + np.float32(0.0013)
    read = open_recording(write_wfdb(tmp_path, "r", layout(offset=0.0013), [Segment(0, data)]))
    np.testing.assert_allclose(read.read(), data, atol=0.0026)


def test_annotations_round_trip(tmp_path: Path) -> None:
    write_annotations(
        tmp_path, "r", "vw", 250.0, [900, 10, 50_000_000, 10], ["V", "+", "N", "N"],
        ["", "(AFIB", "", ""],
    )  # fmt: skip
    read = read_annotations(tmp_path / "r", "vw")
    assert read.samples.tolist() == [10, 10, 900, 50_000_000]
    assert read.symbols == ("+", "N", "V", "N")
    assert read.rhythms == [(10, "(AFIB")]
    assert read.fs == 250.0
    write_annotations(tmp_path, "none", "vw", 250.0, [], [])
    (tmp_path / "none.hea").write_text("none 0 250 0\n")
    assert len(read_annotations(tmp_path / "none", "vw")) == 0


@pytest.mark.parametrize("name", ["", "a b", "../r", "a.b", "-r"])
def test_names_that_wfdb_cannot_carry(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match="record's name"):
        write_wfdb(tmp_path, name, layout(), [])
    with pytest.raises(InputError, match="record's name"):
        write_annotations(tmp_path, name, "vw", 250.0, [1], ["N"])


def test_what_fails_leaves_nothing_and_keeps_the_old(tmp_path: Path) -> None:
    data = random_samples(2, 500)
    write_wfdb(tmp_path, "r", layout(), [Segment(0, data)])
    write_edf(tmp_path / "r.edf", layout(), [Segment(0, data)])
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    def failing() -> Iterator[Segment]:
        yield Segment(0, data[:, ::-1])
        raise RuntimeError("the source broke")

    with pytest.raises(RuntimeError):
        write_wfdb(tmp_path, "r", layout(), failing())
    with pytest.raises(RuntimeError):
        write_edf(tmp_path / "r.edf", layout(), failing())
    with pytest.raises(ContractError, match="follow each other"):
        write_wfdb(tmp_path, "r", layout(), [Segment(0, data), Segment(499, data)])
    with pytest.raises(InputError, match="no samples"):
        write_edf(tmp_path / "none.edf", layout(), [])
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(InputError, match="cannot write"):
        write_wfdb(tmp_path / "file" / "x", "r", layout(), [])
