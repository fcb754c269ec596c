"""EDF, EDF+ and BDF: the same numbers as edfio's, gaps in their place."""

import datetime
import warnings
from pathlib import Path

import edfio
import numpy as np
import pytest

from tests.vitalwire.recordings.records import random_samples
from vitalwire.contracts import Signal
from vitalwire.errors import InputError
from vitalwire.recordings import open_recording, read_annotations
from vitalwire.recordings.edf_reader import EdfFile
from vitalwire.recordings.edf_writer import Note, write_edf
from vitalwire.recordings.format import Format, Segment

REAL = [
    "eeg/chbmit-segments/chb01_03_onset.edf",
    "eeg/background-emotiv/s37.edf",
    "eeg/eegmmidb/S001R03.edf",
]


def signal(label: str, fs: float, unit: str = "uV", seconds: int = 4) -> edfio.EdfSignal:
    rng = np.random.default_rng(len(label))
    return edfio.EdfSignal(
        rng.normal(0, 50, round(seconds * fs)), fs, label=label, physical_dimension=unit
    )


@pytest.mark.parametrize("name", REAL)
def test_reads_what_edfio_reads(data_dir: Path, name: str) -> None:
    opened = open_recording(data_dir / name)
    theirs = edfio.read_edf(data_dir / name)
    assert opened.signal is Signal.EEG
    assert opened.n_channels == len(theirs.signals)
    whole = np.stack([s.data for s in theirs.signals])
    np.testing.assert_allclose(opened.read(777, 1500), whole[:, 777:2277], rtol=1e-6, atol=1e-4)
    digital = np.stack([s.digital for s in theirs.signals])
    np.testing.assert_array_equal(opened.digital(777, 1500), digital[:, 777:2277])


def test_annotations(data_dir: Path) -> None:
    notes = read_annotations(data_dir / REAL[0])
    assert notes.aux == ("seizure",)
    assert (notes.samples[0], notes.fs) == (2560, 256.0)
    assert notes.duration_s[0] == pytest.approx(40.0039)


def test_leads_of_differing_rates_and_kinds(tmp_path: Path) -> None:
    edfio.Edf(
        [
            signal("EEG Fp1", 256), signal("EEG Fp2", 256), signal("EKG", 512, "mV"),
            signal("EEG slow", 128), signal("SPO2", 1, "%"),
        ],
        starttime=datetime.time(10, 20, 30),
        recording=edfio.Recording(startdate=datetime.date(2024, 5, 17)),
    ).write(tmp_path / "r.edf")  # fmt: skip
    eeg = open_recording(tmp_path / "r.edf")
    assert (eeg.leads, eeg.fs) == (("EEG Fp1", "EEG Fp2"), 256.0)
    assert set(eeg.left_out) == {"EKG", "EEG slow", "SPO2"}
    assert eeg.start_ns == 1715941230_000_000_000
    ecg = open_recording(tmp_path / "r.edf", signal=Signal.ECG)
    assert (ecg.leads, ecg.fs, ecg.n_samples) == (("EKG",), 512.0, 2048)
    with pytest.raises(InputError, match=r"EEG Fp1 256 Hz, EEG slow 128 Hz"):
        open_recording(tmp_path / "r.edf", leads=["EEG Fp1", "EEG slow"])
    with pytest.raises(InputError, match="SPO2"):
        open_recording(tmp_path / "r.edf", leads=["SPO2"])


def test_bdf_of_24_bits_on_a_large_offset(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    values = 180_000 + np.cumsum(rng.normal(0, 1, 4096))
    edfio.Bdf(
        [edfio.BdfSignal(values, 512, label="Fp1", physical_dimension="uV",
                         physical_range=(-262_144, 262_143))]
    ).write(tmp_path / "r.bdf")  # fmt: skip
    opened = open_recording(tmp_path / "r.bdf")
    step = np.ptp(values) / 65_000
    np.testing.assert_allclose(opened.read()[0], values, atol=step + 0.05)
    assert opened.scale[0] < 0.01


def test_lead_upside_down(tmp_path: Path) -> None:
    edfio.Edf([signal("Fp1", 256)]).write(tmp_path / "r.edf")
    raw = bytearray((tmp_path / "r.edf").read_bytes())
    low, high = raw[360:368], raw[368:376]
    raw[360:368], raw[368:376] = high, low
    (tmp_path / "r.edf").write_bytes(raw)
    opened = open_recording(tmp_path / "r.edf")
    theirs = edfio.read_edf(tmp_path / "r.edf").signals[0].data
    assert opened.scale[0] > 0
    np.testing.assert_allclose(opened.read()[0], theirs, atol=0.01)


def test_discontinuous(tmp_path: Path) -> None:
    data = random_samples(2, 1000)
    layout = Format(
        ("MLII", "V1"), 250.0, "mV", np.full(2, 0.005, np.float32), np.zeros(2, np.float32)
    )
    notes = [Note(1.0, None, "begin"), Note(21.0, 2.0, "late")]
    segments = [Segment(0, data), Segment(5000, data)]
    path = write_edf(tmp_path / "r.edf", layout, segments, notes)
    assert edfio.read_edf(path).reserved == "EDF+D"
    opened = open_recording(path)
    read = opened.read()
    assert opened.n_samples == 6000
    np.testing.assert_allclose(read[:, :1000], data, atol=1e-6)
    assert np.isnan(read[:, 1000:5000]).all()
    np.testing.assert_allclose(read[:, 5000:], data, atol=1e-6)
    np.testing.assert_array_equal(opened.read(900, 4200), read[:, 900:5100])
    marks = read_annotations(path)
    assert list(zip(marks.samples.tolist(), marks.aux, strict=True)) == [
        (250, "begin"),
        (5250, "late"),
    ]


def test_real_recording_is_read_block_by_block(data_dir: Path) -> None:
    """Nothing but the blocks that are asked for comes into memory."""
    opened = open_recording(data_dir / REAL[1])
    parts = [opened.read(at, 1000) for at in range(0, 61_000, 1000)]
    np.testing.assert_array_equal(np.concatenate(parts, axis=1), opened.read(0, 61_000))


def test_what_was_read_is_let_go(tmp_path: Path) -> None:
    """A file of hours is never in memory as far as it was read."""
    mapped = Path("/proc/self/smaps")
    if not mapped.exists():
        pytest.skip("nothing says here how much of a mapped file is in memory")
    path = tmp_path / "r.edf"
    edfio.Edf([signal("Fp1", 256, seconds=4000), signal("Fp2", 256, seconds=4000)]).write(path)
    opened = open_recording(path)
    parts = [opened.read(at, 25_600) for at in range(0, opened.n_samples, 25_600)]
    rows = mapped.read_text().split(str(path))[1].splitlines()
    resident_kb = next(int(row.split()[1]) for row in rows if row.startswith("Rss:"))
    assert path.stat().st_size > 4_000_000
    assert resident_kb < 300
    theirs = [one.data for one in edfio.read_edf(path).signals]
    np.testing.assert_allclose(np.concatenate(parts, axis=1), theirs, atol=0.02)


def test_two_dates_in_one_header(tmp_path: Path) -> None:
    path = tmp_path / "r.edf"
    edfio.Edf(
        [signal("Fp1", 256)], recording=edfio.Recording(startdate=datetime.date(2024, 5, 17))
    ).write(path)
    broken(path, 168, b"18.05.24")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        opened = open_recording(path)
    assert opened.start_ns == 1715904000_000_000_000


def test_leads_without_a_range(tmp_path: Path) -> None:
    path = tmp_path / "r.edf"
    edfio.Edf([signal("Fp1", 256), signal("Cz", 256)]).write(path)
    assert EdfFile.open(path).without_range == ()
    low = slice(256 + 2 * 104, 256 + 2 * 104 + 8)  # of Fp1
    raw = path.read_bytes()
    broken(path, low.start + 16, raw[low])  # its highest is its lowest
    assert EdfFile.open(path).without_range == ("Fp1",)
    assert open_recording(path, leads=["Cz"]).n_samples == 1024
    with pytest.raises(InputError, match="lead Fp1: physical and digital range"):
        open_recording(path)


def broken(path: Path, at: int, text: bytes) -> Path:
    raw = bytearray(path.read_bytes())
    raw[at : at + len(text)] = text
    path.write_bytes(raw)
    return path


@pytest.mark.parametrize(
    ("at", "text", "word"),
    [
        (0, b"1", "begins with b'1"),  # version
        (236, b"9999    ", "truncated.*says 9999, the file holds 4:"),  # data records
        (236, b"-1      ", "truncated.*says -1, the file holds 4:"),
        (236, b"x       ", "number of data records: .*'x'"),
        (244, b"0       ", "EDF"),  # their duration
        (244, b"nan     ", "duration of a data record: .*'nan'"),
        (244, b"-1      ", "duration of a data record: .*'-1'"),
        (184, b"1024    ", "number of bytes in the header: expected 512"),
        (252, b"x   ", "number of signals: .*'x'"),
        (252, b"0   ", "number of signals: .*'0'"),
        (352, b"mmHg    ", "mmHg"),
        (360, b"hello   ", "range"),  # physical minimum
        (360, b"nan     ", "range"),
        (472, b"0       ", "samples in a data record: .*'0'"),  # samples in a data record
        (192, b"EDF+D", "without the annotations that hold its times"),
    ],
)
def test_broken_header(tmp_path: Path, at: int, text: bytes, word: str) -> None:
    path = tmp_path / "r.edf"
    edfio.Edf([signal("Fp1", 256)]).write(path)
    with pytest.raises(InputError, match=word) as caught:
        open_recording(broken(path, at, text))
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("onset", [b"+nan", b"+inf", b"+abc", b"+0.0"])
def test_broken_onset_of_a_data_record(tmp_path: Path, onset: bytes) -> None:
    layout = Format(("Fp1",), 4.0, "uV", np.ones(1, np.float32), np.zeros(1, np.float32))
    data = random_samples(1, 8, 1.0)
    path = write_edf(tmp_path / "r.edf", layout, [Segment(0, data), Segment(48, data)])
    raw = path.read_bytes()
    assert raw.count(b"+13\x14\x14") == 1
    path.write_bytes(raw.replace(b"+13\x14\x14\x00", onset + b"\x14\x14"))
    word = (
        "its data records go back" if onset == b"+0.0" else "onset of a data record: expected"
    )
    with pytest.raises(InputError, match=rf"r\.edf: .*{word}"):
        open_recording(path)


def test_truncated_and_foreign_files(tmp_path: Path) -> None:
    path = tmp_path / "r.edf"
    edfio.Edf([signal("Fp1", 256)]).write(path)
    whole = path.read_bytes()
    for n_bytes, word in [
        (len(whole) - 700, "says 4, the file holds 2 and a part of one"),
        (512, "says 4, the file holds 0:"),
        (300, "truncated: expected a header of 512 bytes, got 300"),
        (100, "truncated: expected an EDF header of 256 bytes at least, got 100"),
        (0, "at least, got 0"),
    ]:
        path.write_bytes(whole[:n_bytes])
        with pytest.raises(InputError, match=word) as caught:
            open_recording(path)
        assert str(path) in str(caught.value)
    path.write_bytes(whole[:236] + b"0       " + whole[244:512])
    with pytest.raises(InputError, match="has 0 data records"):
        open_recording(path)
    for content in (b"", b"hello", bytes(1000)):
        path.write_bytes(content)
        with pytest.raises(InputError):
            open_recording(path)
    with pytest.raises(InputError, match="no such recording"):
        open_recording(tmp_path / "none.edf")
