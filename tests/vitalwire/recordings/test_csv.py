"""CSV: the documented header, a Polar H10's own, and what is refused."""

from pathlib import Path

import numpy as np
import pytest

from vitalwire.contracts import Signal
from vitalwire.errors import InputError
from vitalwire.recordings import open_recording


def csv(folder: Path, text: str) -> Path:
    path = folder / "r.csv"
    path.write_text(text)
    return path


def test_polar_h10(data_dir: Path) -> None:
    path = data_dir / "ecg/polar_h10/polar_h10.csv"
    opened = open_recording(path)
    assert (opened.signal, opened.leads, opened.left_out) == (
        Signal.ECG,
        ("ecg",),
        ("hr", "rr"),
    )
    assert opened.fs == pytest.approx(130.16)
    assert opened.n_samples == 78_096
    assert opened.start_ns is not None
    assert opened.start_ns // 10**9 == 1_714_920_600
    assert opened.scale[0] == np.float32(0.001)  # the strap's own step: nothing is lost
    values = [float(line.split(",")[1]) for line in path.read_text().splitlines()[1:]]
    np.testing.assert_allclose(opened.read()[0], values, atol=1e-6)
    assert open_recording(path, fs=130.0).n_samples == 78_096


def test_without_time(tmp_path: Path) -> None:
    path = csv(tmp_path, "# fs: 250 Hz\n# start: 2024-05-17T10:20:30Z\nMLII,V1\n1.5,2\n-3,4\n")
    opened = open_recording(path)
    assert (opened.fs, opened.leads) == (250.0, ("MLII", "V1"))
    assert opened.start_ns == 1715941230_000_000_000
    np.testing.assert_allclose(opened.read(), [[1.5, -3.0], [2.0, 4.0]], atol=1e-6)


def test_units(tmp_path: Path) -> None:
    path = csv(tmp_path, "# fs: 250\nchest (uV),V1 [mV],V2_V,note\n1000,1,0.001,7\n0,0,0,7\n")
    assert open_recording(path).leads == ("V1", "V2")
    whole = open_recording(path, leads=["chest", "V1", "V2"])
    np.testing.assert_allclose(whole.read()[:, 0], [1.0, 1.0, 1.0], atol=1e-4)
    eeg = open_recording(csv(tmp_path, "# fs: 128\nFp1,O2\n10,20\n30,-5\n"))
    assert (eeg.signal, eeg.unit) == (Signal.EEG, "uV")


def test_gaps_and_empty_cells_are_missing(tmp_path: Path) -> None:
    rows = [(0, 1), (10, 2), (20, ""), (30, 4), (80, 9), (90, 10)]
    text = "time_ms,ecg\n" + "".join(f"{t},{v}\n" for t, v in rows)
    opened = open_recording(csv(tmp_path, text))
    assert (opened.fs, opened.n_samples) == (100.0, 10)
    expected = [1, 2, np.nan, 4, np.nan, np.nan, np.nan, np.nan, 9, 10]
    np.testing.assert_allclose(opened.read()[0], expected, atol=1e-4)
    np.testing.assert_allclose(opened.read(3, 6)[0], expected[3:9], atol=1e-4)


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("", "empty"),
        ("# fs: 100\n", "empty"),
        ("ecg\n1\n2\n", "no time column and no rate"),
        ("# fs: 0\necg\n1\n2\n", "rate > 0"),
        ("# fs: nan\necg\n1\n2\n", "rate > 0"),
        ("# fs: 1e9\necg\n1\n2\n", "8192"),
        ("# fs: 100\necg\n", "no samples"),
        ("# fs: 100\n1,2\n3,4\n", "header line"),
        ("# fs: 100\necg\n1\nhello\n", "sample 2, column ecg.*'hello'"),
        ("# fs: 100\necg,V1\n1,2\n3\n", "sample 2 has 1 columns"),
        ("time_s,ecg\n0,1\n0.1,2\n0.1,3\n", "not later"),
        ("time_s,ecg\n0,1\n,2\n0.1,3\n", "sample 2"),
        ("time_s,ecg\n0,1\n", "sample 1"),
        ("# fs: 100\nhr,rr\n1,2\n", "no lead is a voltage"),
        ("# fs: 100\n# unit: mmHg\necg\n1\n2\n", "mmHg"),
        ("# fs: 100\n# start: yesterday\necg\n1\n2\n", "ISO 8601"),
        ("time_s,ecg\n0,1\n0.01,2\n1e12,3\n", "jumps"),
    ],
)
def test_broken(tmp_path: Path, text: str, word: str) -> None:
    with pytest.raises(InputError, match=word) as caught:
        open_recording(csv(tmp_path, text))
    assert str(tmp_path / "r.csv") in str(caught.value)


def test_binary_file(tmp_path: Path) -> None:
    (tmp_path / "r.csv").write_bytes(bytes(range(256)))
    with pytest.raises(InputError, match="not a text file"):
        open_recording(tmp_path / "r.csv")
