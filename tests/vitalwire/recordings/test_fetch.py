"""Downloads from a local mirror: resumed, checked, whole or not at all."""

import hashlib
from pathlib import Path

import numpy as np
import pytest

from tests.vitalwire.recordings.mirror import Mirror
from vitalwire.errors import InputError, UnavailableError
from vitalwire.recordings.catalog import SETS, known, present
from vitalwire.recordings.fetch import FetchReport, fetch, verify

BIG = np.random.default_rng(0).bytes(300_000)
FILES = {
    "RECORDS": b"100\n208\n",
    "100.hea": b"header",
    "100.dat": BIG,
    "208.hea": b"header of 208",
    "208.dat": b"samples of 208",
    "208.atr": b"beats of 208",
    "whole.zip": b"all of it once more",
}
SCALP = {
    "RECORDS": b"chb01/chb01_01.edf\n",
    "SUBJECT-INFO": b"who",
    "chb01/chb01_01.edf": b"one",
    "chb01/chb01-summary.txt": b"summary",
    "chb03/chb03_01.edf": b"three",
}
MITDB = known("mitdb")


def get(mirror: Mirror, folder: Path, name: str = "mitdb", **more: object) -> FetchReport:
    return fetch(known(name), folder, base_url=mirror.url, wait_s=0.0, **more)  # type: ignore[arg-type]


def here(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_whole_set_and_again(tmp_path: Path) -> None:
    with Mirror("mitdb", "1.0.0", FILES) as mirror:
        seen: list[str] = []
        report = get(mirror, tmp_path, on_file=lambda name, _: seen.append(name))
        assert (report.files, report.already_there) == (6, 0)
        assert report.bytes == sum(len(c) for f, c in FILES.items() if f != "whole.zip")
        assert here(tmp_path) == set(FILES) - {"whole.zip"} | {"SHA256SUMS.txt"}
        assert set(seen) == set(FILES) - {"whole.zip"}
        assert (tmp_path / "100.dat").read_bytes() == BIG
        again = get(mirror, tmp_path)
        assert (again.already_there, again.bytes) == (6, 0)
        assert mirror.asked["100.dat"] == 1


def test_broken_connection_goes_on_where_it_stopped(tmp_path: Path) -> None:
    with Mirror("mitdb", "1.0.0", FILES) as mirror:
        mirror.cut_after["100.dat"] = [100_000, 50_000]
        get(mirror, tmp_path)
        assert (tmp_path / "100.dat").read_bytes() == BIG
        assert mirror.asked["100.dat"] == 3
        assert mirror.sent["100.dat"] == len(BIG)  # no byte twice


def test_interrupted_run_goes_on_where_it_stopped(tmp_path: Path) -> None:
    with Mirror("mitdb", "1.0.0", FILES) as mirror:
        mirror.cut_after["100.dat"] = [100_000, 0, 0, 0, 0]
        with pytest.raises(UnavailableError, match="run it again"):
            get(mirror, tmp_path)
        assert (tmp_path / "100.dat.part").stat().st_size == 100_000
        assert not (tmp_path / "100.dat").exists()
        get(mirror, tmp_path)
        assert (tmp_path / "100.dat").read_bytes() == BIG
        assert mirror.sent["100.dat"] == len(BIG)
        assert not [name for name in here(tmp_path) if name.endswith(".part")]


def test_server_without_ranges(tmp_path: Path) -> None:
    with Mirror("mitdb", "1.0.0", FILES) as mirror:
        mirror.ranges = False
        mirror.cut_after["100.dat"] = [100_000]
        get(mirror, tmp_path)
        assert (tmp_path / "100.dat").read_bytes() == BIG


def test_part_of_something_else_is_thrown_away(tmp_path: Path) -> None:
    (tmp_path / "100.dat.part").write_bytes(b"x" * 1000)
    (tmp_path / "208.atr.part").write_bytes(b"longer than the file is at the server")
    with Mirror("mitdb", "1.0.0", FILES) as mirror:
        get(mirror, tmp_path)
    assert (tmp_path / "100.dat").read_bytes() == BIG
    assert (tmp_path / "208.atr").read_bytes() == FILES["208.atr"]


def test_wrong_checksum_is_refused_and_removed(tmp_path: Path) -> None:
    with Mirror("mitdb", "1.0.0", FILES) as mirror:
        mirror.files["100.dat"] = BIG[:-1] + b"?"
        with pytest.raises(UnavailableError, match=r"100\.dat.*checksum.*removed"):
            get(mirror, tmp_path)
        assert not {"100.dat", "100.dat.part"} & here(tmp_path)


def test_server_that_is_busy_for_a_while(tmp_path: Path) -> None:
    with Mirror("mitdb", "1.0.0", FILES) as mirror:
        mirror.status = {"100.hea": [503, 429], "SHA256SUMS.txt": [502]}
        assert get(mirror, tmp_path).files == 6


def test_by_patient_and_by_record(tmp_path: Path) -> None:
    with Mirror("chbmit", "1.0.0", SCALP) as mirror:
        get(mirror, tmp_path / "eeg", "chbmit", patients=[1])
        assert here(tmp_path / "eeg") == {
            "RECORDS", "SUBJECT-INFO", "SHA256SUMS.txt", "chb01/chb01_01.edf",
            "chb01/chb01-summary.txt",
        }  # fmt: skip
        with pytest.raises(InputError, match="no chb07"):
            get(mirror, tmp_path / "x", "chbmit", patients=[1, 7])
    with Mirror("mitdb", "1.0.0", FILES) as mirror:
        get(mirror, tmp_path / "ecg", records=["208"])
        assert here(tmp_path / "ecg") == {
            "RECORDS", "SHA256SUMS.txt", "208.hea", "208.dat", "208.atr"
        }  # fmt: skip
        with pytest.raises(InputError, match="no 999"):
            get(mirror, tmp_path / "ecg", records=["999"])
        with pytest.raises(InputError, match="not sorted by patient"):
            get(mirror, tmp_path / "ecg", patients=[1])


@pytest.mark.parametrize(
    "line", ["nonsense", f"{'a' * 64} ../../etc/passwd", f"{'a' * 64} /etc/passwd", "<html>"]
)
def test_list_of_checksums_that_cannot_be_right(tmp_path: Path, line: str) -> None:
    with Mirror("mitdb", "1.0.0", FILES) as mirror:
        mirror.files["SHA256SUMS.txt"] = line.encode()
        with pytest.raises(InputError, match="not a list of checksums"):
            get(mirror, tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_no_server_no_set_no_disk(tmp_path: Path) -> None:
    with Mirror("cudb", "1.0.0", FILES) as mirror, pytest.raises(InputError, match="404"):
        get(mirror, tmp_path)
    with pytest.raises(UnavailableError, match="is there a network"):
        fetch(MITDB, tmp_path, base_url="http://127.0.0.1:9", wait_s=0.0)
    with pytest.raises(InputError, match="http"):
        fetch(MITDB, tmp_path, base_url="file:///etc")
    (tmp_path / "file").write_text("in the way")
    with (
        Mirror("mitdb", "1.0.0", FILES) as mirror,
        pytest.raises(InputError, match="cannot write"),
    ):
        get(mirror, tmp_path / "file" / "x")


def test_short_name(tmp_path: Path) -> None:
    files = {"RECORDS": b"PN01/PN01-1.edf\n", "PN01/PN01-1.edf": b"one", "PN03/x.edf": b"two"}
    with Mirror("siena-scalp-eeg", "1.0.0", files) as mirror:
        report = get(mirror, tmp_path, "siena", patients=[1])
    assert report.name == "siena-scalp-eeg"
    assert here(tmp_path) == {"RECORDS", "SHA256SUMS.txt", "PN01/PN01-1.edf"}


def test_set_that_is_elsewhere(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"bonn is not at PhysioNet.*Andrzejak.*copy it to"):
        fetch(known("bonn"), tmp_path / "bonn")
    assert here(tmp_path) == set()


def test_verify(tmp_path: Path) -> None:
    with Mirror("mitdb", "1.0.0", FILES) as mirror:
        get(mirror, tmp_path)
    assert verify(MITDB, tmp_path) == []
    (tmp_path / "208.dat").write_bytes(b"bad")
    assert verify(MITDB, tmp_path) == ["208.dat"]
    with pytest.raises(InputError, match="fetch mitdb first"):
        verify(MITDB, tmp_path / "none")


def test_what_is_present(tmp_path: Path) -> None:
    (tmp_path / "eeg/chbmit-segments").mkdir(parents=True)
    (tmp_path / "eeg/chbmit-segments/a.edf").write_bytes(b"abc")
    (tmp_path / "eeg/chbmitx").mkdir()
    (place,) = present(SETS["chbmit"], [tmp_path, tmp_path / "none"])
    assert (place.records, place.bytes) == (1, 3)
    with pytest.raises(InputError, match="known: mitdb"):
        known("mitdbx")


def test_mirror_sums_are_real() -> None:
    mirror = Mirror("mitdb", "1.0.0", FILES)
    assert hashlib.sha256(BIG).hexdigest() in mirror.files["SHA256SUMS.txt"].decode()
    mirror._server.server_close()
