"""WFDB records: the same numbers as wfdb-python's own, and a clear word on broken ones."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import wfdb

from tests.vitalwire.recordings.records import random_steps
from vitalwire.contracts import Signal
from vitalwire.errors import InputError
from vitalwire.recordings import bundled_recording, open_recording, read_annotations


def write(folder: Path, name: str, fmt: list[str], steps: np.ndarray, **more: object) -> Path:
    """A record by wfdb's own writer; steps (n_samples, n_channels)."""
    n = steps.shape[1]
    fields = {
        "adc_gain": [200.0] * n, "baseline": [1024] * n, "units": ["mV"] * n,
        "sig_name": ["MLII", "V1", "V2"][:n], **more,
    }  # fmt: skip
    wfdb.wrsamp(
        name, fs=250, d_signal=steps.astype(np.int64), fmt=fmt, write_dir=str(folder), **fields
    )
    return folder / name


@pytest.mark.parametrize(
    "path", ["ecg/mitdb/208", "ecg/vfdb/418", "ecg/nstdb/ma", "ecg/cudb/cu01"]
)
def test_reads_what_wfdb_reads(data_dir: Path, path: str) -> None:
    opened = open_recording(data_dir / path)
    theirs = wfdb.rdrecord(str(data_dir / path))
    assert opened.signal is Signal.ECG
    assert opened.unit == "mV"
    assert (opened.fs, opened.n_samples) == (theirs.fs, theirs.sig_len)
    ours = opened.read(1000, 20_000)
    np.testing.assert_allclose(ours.T, theirs.p_signal[1000:21_000], atol=1e-6)
    assert ours.dtype == np.float32


def test_reads_challenge_2017_although_initial_values_are_wrong(data_dir: Path) -> None:
    folder = data_dir / "ecg/challenge-2017/training2017"
    for hea in sorted(folder.glob("*.hea"))[:40]:
        opened = open_recording(hea)
        theirs = wfdb.rdrecord(str(hea.with_suffix("")))
        np.testing.assert_allclose(opened.read().T, theirs.p_signal, atol=1e-6)


def test_bundled_recording_is_record_208(data_dir: Path) -> None:
    bundled = bundled_recording()
    whole = open_recording(data_dir / "ecg/mitdb/208", leads=["mlii"])
    np.testing.assert_array_equal(bundled.read(), whole.read(422_820, 108_000))
    np.testing.assert_array_equal(bundled.scale, whole.scale)


def test_annotations_of_mitdb(data_dir: Path) -> None:
    notes = read_annotations(data_dir / "ecg/mitdb/208.hea")
    samples, symbols = notes.beats
    assert len(samples) == len(symbols) == 2955
    assert set(symbols) == set("NVFSQ")
    assert notes.rhythms[0][1] == "(N"
    assert notes.fs == 360.0


@pytest.mark.parametrize("fmt", ["16", "212", "24", "32", "80"])
def test_formats_and_missing_samples(tmp_path: Path, fmt: str) -> None:
    low = 100 if fmt == "80" else 2000
    steps = random_steps(2, 1000).T % low
    path = write(tmp_path, "r", [fmt, fmt], steps, baseline=[0, 7])
    expected = (steps - [0, 7]) / 200
    np.testing.assert_allclose(open_recording(path).read().T, expected, atol=2e-4)


def test_missing_sample_is_nan(tmp_path: Path) -> None:
    steps = random_steps(2, 1000).T % 2000
    steps[100:110, 0] = -2048  # what 212 has for missing
    read = open_recording(write(tmp_path, "r", ["212", "212"], steps)).read()
    assert np.flatnonzero(np.isnan(read[0])).tolist() == list(range(100, 110))
    assert not np.isnan(read[1]).any()


def test_sixteen_bits_go_through_without_loss(tmp_path: Path) -> None:
    steps = np.array([[-32767, 0, 32767, 1]]).T
    opened = open_recording(write(tmp_path, "r", ["16"], steps))
    np.testing.assert_array_equal(opened.digital(0, 4)[0], steps[:, 0])


def test_lead_upside_down(tmp_path: Path) -> None:
    steps = random_steps(1, 500).T
    path = write(tmp_path, "r", ["16"], steps, baseline=[10])
    header = path.with_suffix(".hea")
    header.write_text(header.read_text().replace(" 200", " -200", 1))
    opened = open_recording(path)
    assert (opened.scale > 0).all()
    np.testing.assert_allclose(opened.read()[0], (steps[:, 0] - 10) / -200, atol=1e-6)


def test_frames_of_several_samples(tmp_path: Path) -> None:
    """A lead at twice the frame rate is read at its own rate, at any position."""
    fast, slow = random_steps(1, 2000)[0], random_steps(1, 1000, seed=1)[0]
    frames = np.stack([fast[0::2], fast[1::2], slow], axis=1).astype("<i2")
    (tmp_path / "r.dat").write_bytes(frames.tobytes())
    (tmp_path / "r.hea").write_text(
        "r 2 250 1000\nr.dat 16x2 200/mV 16 0 0 0 0 MLII\nr.dat 16 200/mV 16 0 0 0 0 resp\n"
    )
    opened = open_recording(tmp_path / "r")
    assert (opened.leads, opened.left_out) == (("MLII",), ("resp",))
    assert (opened.fs, opened.n_samples) == (500.0, 2000)
    np.testing.assert_array_equal(opened.digital(333, 101)[0], fast[333:434])
    with pytest.raises(InputError, match="differing rates"):
        open_recording(tmp_path / "r", leads=["MLII", "resp"])


def test_a_header_that_leaves_the_length_to_the_file(tmp_path: Path) -> None:
    steps = random_steps(1, 900)[0]
    (tmp_path / "r.dat").write_bytes(steps.astype("<i2").tobytes())
    (tmp_path / "r.hea").write_text("r 1 250\nr.dat 16 200/mV 16 0 0 0 0 MLII\n")
    opened = open_recording(tmp_path / "r")
    assert opened.n_samples == 900
    np.testing.assert_array_equal(opened.digital(0, 900)[0], steps)
    np.testing.assert_array_equal(opened.digital(333, 101)[0], steps[333:434])


def test_record_of_segments(tmp_path: Path) -> None:
    steps = random_steps(1, 800).T
    write(tmp_path, "a", ["16"], steps[:300])
    write(tmp_path, "b", ["16"], steps[300:])
    (tmp_path / "all.hea").write_text("all/2 1 250 800\na 300\nb 500\n")
    opened = open_recording(tmp_path / "all")
    assert (opened.n_samples, opened.leads) == (800, ("MLII",))
    np.testing.assert_allclose(
        opened.read(250, 100)[0], (steps[250:350, 0] - 1024) / 200, atol=2e-4
    )


def test_leads_units_and_signal_can_be_chosen(tmp_path: Path) -> None:
    path = write(tmp_path, "r", ["16", "16"], random_steps(2, 500).T)
    both = open_recording(path)
    second = open_recording(path, leads=["v1"])
    assert second.left_out == ("MLII",)
    np.testing.assert_array_equal(second.read()[0], both.read()[1])
    np.testing.assert_array_equal(both.select(["2"]).read(), second.read())
    as_eeg = open_recording(path, leads=["1"], signal=Signal.EEG)
    assert as_eeg.unit == "uV"
    np.testing.assert_allclose(as_eeg.read()[0], both.read()[0] * 1000, rtol=1e-5, atol=0.01)
    as_volts = open_recording(path, leads=["1"], unit="V")
    np.testing.assert_allclose(as_volts.read()[0], both.read()[0] * 1000, rtol=1e-5, atol=0.01)


HEADERS = {
    "no leads": ("r 0 250 100\n", "no signals"),
    "no rate": ("r 1 0 100\nr.dat 16 200/mV 16 0 0 0 0 MLII\n", "fs"),
    "rate too high": ("r 1 99999 100\nr.dat 16 200/mV 16 0 0 0 0 MLII\n", "8192"),
    "no samples": ("r 1 250 0\nr.dat 16 200/mV 16 0 0 0 0 MLII\n", "no signals"),
    "longer than its file": ("r 1 250 101\nr.dat 16 200/mV 16 0 0 0 0 MLII\n", "truncated"),
    "no signal file": ("r 1 250 100\nx.dat 16 200/mV 16 0 0 0 0 MLII\n", "x.dat is not there"),
    "unknown unit": ("r 1 250 100\nr.dat 16 200/mmHg 16 0 0 0 0 MLII\n", "mmHg"),
    "nothing electrical": ("r 1 250 100\nr.dat 16 1/mmHg 16 0 0 0 0 ABP\n", "voltage"),
    "not a header": ("hello\n", "not a WFDB header"),
    "fewer lines than leads": ("r 2 250 100\nr.dat 16 200/mV 16 0 0 0 0 I\n", "header"),
    "empty": ("", "not a WFDB header"),
    "unknown format": ("r 1 250 100\nr.dat 99 200/mV 16 0 0 0 0 I\n", "of the samples: 99"),
}


@pytest.mark.parametrize("case", HEADERS)
def test_broken_header(tmp_path: Path, case: str) -> None:
    header, word = HEADERS[case]
    (tmp_path / "r.dat").write_bytes(bytes(200))
    (tmp_path / "r.hea").write_text(header)
    with pytest.raises(InputError, match=word) as caught:
        open_recording(tmp_path / "r")
    assert "\n" not in str(caught.value)
    assert str(tmp_path / "r") in str(caught.value) or "x.dat" in str(caught.value)


def test_truncated_file(tmp_path: Path) -> None:
    path = write(tmp_path, "r", ["212", "212"], random_steps(2, 1000).T % 2000)
    data = (tmp_path / "r.dat").read_bytes()
    (tmp_path / "r.dat").write_bytes(data[:-300])
    with pytest.raises(InputError, match=r"r\.dat: truncated.*1000 samples, it holds 900"):
        open_recording(path)


def test_file_cut_off_after_it_was_opened(tmp_path: Path) -> None:
    opened = open_recording(write(tmp_path, "r", ["16"], random_steps(1, 1000).T))
    (tmp_path / "r.dat").write_bytes(b"")
    with pytest.raises(InputError, match="cannot be read"):
        opened.read()


def test_missing_record(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such recording"):
        open_recording(tmp_path / "none")
    with pytest.raises(InputError, match="no such annotation"):
        read_annotations(tmp_path / "none")
    (tmp_path / "r.atr").write_bytes(b"\x64\x04\x00\x00")
    with pytest.raises(InputError, match=r"r\.hea: no WFDB header"):
        read_annotations(tmp_path / "r")
    (tmp_path / "r.atr").write_bytes(b"abc")
    with pytest.raises(InputError, match="not a WFDB annotation"):
        read_annotations(tmp_path / "r")


def write_notes(folder: Path, *texts: str, **more: object) -> Path:
    """Notes on sample 0 of record `r`, then two beats."""
    write(folder, "r", ["16"], random_steps(1, 100).T)
    n = len(texts)
    wfdb.wrann(
        "r", "atr", np.array([0] * n + [20, 80]), symbol=['"'] * n + ["N", "V"],
        aux_note=[*texts, "", ""], write_dir=str(folder), **more,
    )  # fmt: skip
    return folder / "r"


@pytest.mark.parametrize(
    "texts",
    [
        ("## something new: 5",),
        ("## time resolution: x4",),
        ("## time resolution: 250", "## time resolution: 125"),
        ("## end of definitions",),
        ("## annotation type definitions.", "## end of definitions"),
    ],
)
def test_a_definition_that_would_be_read_for_ever(
    tmp_path: Path, texts: tuple[str, ...]
) -> None:
    with pytest.raises(InputError, match=r"r\.atr: expected no definition.*remove") as caught:
        read_annotations(write_notes(tmp_path, *texts))
    assert all(text in str(caught.value) for text in texts)


def test_definitions_that_are_known(tmp_path: Path) -> None:
    own = [(45, "Z", "our own"), (46, "Y", "another")]
    notes = read_annotations(write_notes(tmp_path, "from lead ##2", fs=125, custom_labels=own))
    assert (notes.fs, notes.symbols) == (125.0, ("N", "V"))
    doubled = notes.at_rate(250.0)
    assert (doubled.fs, doubled.samples.tolist()) == (250.0, [40, 160])
    assert (doubled.symbols, doubled.aux) == (notes.symbols, notes.aux)


def test_notes_that_lost_their_beat(tmp_path: Path) -> None:
    """wfdb gives fewer of them than there are samples."""
    path = write_notes(tmp_path)
    path.with_suffix(".atr").write_bytes(bytes.fromhex("197002fc197002fc284e7d040000"))
    with pytest.raises(InputError, match=r"r\.atr: not a WFDB annotation file"):
        read_annotations(path)


def test_request_beyond_the_end(tmp_path: Path) -> None:
    opened = open_recording(write(tmp_path, "r", ["16"], random_steps(1, 100).T))
    with pytest.raises(InputError, match="100 samples"):
        opened.read(50, 51)
    assert opened.read(100, 0).shape == (1, 0)


def test_header_may_be_named(tmp_path: Path) -> None:
    path = write(tmp_path, "r", ["16"], random_steps(1, 100).T)
    shutil.copy(tmp_path / "r.hea", tmp_path / "r.hea.bak")
    assert open_recording(path.with_suffix(".hea")).name == "r"
    assert open_recording(str(path) + ".dat").name == "r"
