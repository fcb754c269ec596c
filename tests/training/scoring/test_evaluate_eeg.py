"""Seizures scored on a made data folder, through the gateway's own pipeline."""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from edge.bundle_store import SHIPPED_FOLDER
from tests.training.made_eeg import events, write_eeg
from tests.training.scoring.made_brains import (
    LEADS,
    SICK,
    brain,
    write,
    write_data,
    write_people,
    write_pieces,
)
from tests.training.scoring.test_page import Page
from training.floors.loading import line_length_floor
from training.scoring import eeg_report
from training.scoring.bundled import read_device_probe
from training.scoring.eeg_jobs import Load
from training.scoring.eeg_listeners import (
    Each,
    LineLengthFloor,
    Listener,
    by_folds,
    floor,
    one_bundle,
)
from training.scoring.eeg_streams import Stream
from training.scoring.evaluate_eeg import evaluate_eeg
from vitalwire.errors import BundleError, InputError


@contextmanager
def silent(_what: str, _total: int) -> Iterator[Callable[[int], None]]:
    yield lambda _: None


def run(
    folder: Path, *listeners: Listener, leads: Sequence[int | None] = (None,)
) -> dict[str, Any]:
    them = listeners or (LineLengthFloor(),)
    report = evaluate_eeg(folder, them, leads=leads, n_workers=1, track=silent)
    json.dumps(report, allow_nan=False)
    return report


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_data(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def report(data: Path) -> dict[str, Any]:
    return run(data, leads=(1, None))


def test_the_floor_finds_what_is_plain(report: dict[str, Any]) -> None:
    assert (report["seizures.n"], report["seizures.found"]) == (4, 4)
    assert report["seizures.alarm_began_in"] == 4
    assert report["events.sensitivity"] == report["events.f1"] == 1.0
    assert report["background.alarms"] == report["lead_in.alarms"] == 0
    assert sorted(report["per_patient"]) == ["chb01", "chb03", "s01", "s02"]
    assert report["detector"] == "line-length"
    assert report["leads"] is None


def test_only_a_recording_across_an_onset_tells_a_delay(report: dict[str, Any]) -> None:
    assert report["delay"]["n_timed"] == 2
    assert report["delay"]["n_untimed"] == 2
    assert 4.0 <= report["delay_p50_s"] <= report["delay_p95_s"] <= 12.0


def test_time_without_a_seizure_is_told_by_kind(report: dict[str, Any]) -> None:
    assert report["lead_in"]["n"] == 4
    assert report["lead_in"]["minutes"] == pytest.approx(40 / 60, abs=1e-3)
    assert report["background.hours"] == pytest.approx(80 / 3600, abs=1e-3)
    assert report["background"]["people"] == 2
    assert report["background"]["per_day_ci"][1] > 1000  # so short a time says little


def test_what_it_is_of_and_cannot_say_stands_first(report: dict[str, Any]) -> None:
    said = eeg_report.text(report)
    first = said[: said.index("|")]
    assert "4 seizures of 2 patients" in first
    assert "False alarms in the same people's continuous EEG cannot be measured" in first
    assert "2 seizures are pieces cut out of them, 2 played right behind" in first
    assert "All seizures are of 2 people" in first
    assert "still allows" in first


def test_each_number_of_leads_has_its_line(report: dict[str, Any]) -> None:
    _, heads, rows = eeg_report.compared_table(report)
    assert [row[heads.index("leads")] for row in rows] == ["1", "all"]
    assert [row[heads.index("seizures found")] for row in rows] == ["4 of 4", "4 of 4"]
    assert [row[heads.index("recorder told, %")] for row in rows] == ["-", "-"]
    assert "linear probe" not in eeg_report.text(report)


def test_a_probe_of_the_folds_is_told(report: dict[str, Any]) -> None:
    probed = {
        **report,
        "compared": [{**one, "device_probe": 85.4} for one in report["compared"]],
    }
    _, heads, rows = eeg_report.compared_table(probed)
    assert [row[heads.index("recorder told, %")] for row in rows] == ["85", "85"]
    assert "linear probe" in eeg_report.text(probed)


@pytest.mark.parametrize("told", ["{", "{}", '{"device_probe": "much"}', "[]"])
def test_a_probe_that_cannot_be_read(tmp_path: Path, told: str) -> None:
    assert read_device_probe(tmp_path) is None
    (tmp_path / "folds-seizure.json").write_text(told)
    with pytest.raises(InputError, match=r"folds-seizure.json: device_probe cannot be read"):
        read_device_probe(tmp_path)


def test_the_page_is_whole(report: dict[str, Any]) -> None:
    page = eeg_report.render(report)
    parsed = Page(page)
    assert parsed.links == []
    assert "script" not in parsed.counts
    assert "nan" not in page.lower()
    assert "None" not in page
    assert page.index("cannot be measured") < page.index("<table")


class Always:
    """Somebody who tells an alarm of everything that lasts."""

    name = "always"
    what = "It tells an alarm of everything."
    device_probe = 85.4

    def check(self) -> None:
        """It is always there."""

    def loads(self, streams: Sequence[Stream], each: Each) -> dict[str, Load]:  # noqa: ARG002
        from dataclasses import replace

        from edge.pipeline.models import EpisodeRule
        from training.floors.logistic import N_FEATURES, Logistic

        rule = EpisodeRule(enter=0.5, leave=0.3, mean_s=1.0, least_s=1.0, end_s=8.0)
        sure = replace(line_length_floor(), floor=Logistic((0.0,) * N_FEATURES, 9.0), rule=rule)
        return {stream.patient: sure for stream in streams}


@pytest.fixture(scope="module")
def alarmed(data: Path) -> dict[str, Any]:
    return run(data, Always())


def test_alarms_before_an_onset_are_counted_apart(alarmed: dict[str, Any]) -> None:
    """SzCORE has them for hits in the four files across an onset."""
    assert alarmed["lead_in.alarms"] == alarmed["lead_in"]["with_alarms"] == 4
    assert alarmed["seizures.found"] == 4
    assert alarmed["seizures.alarm_began_in"] == 0
    assert alarmed["delay"]["n_before_onset"] == 2
    assert alarmed["delay_p50_s"] is None
    assert alarmed["background.alarms"] == 2
    assert alarmed["per_patient"]["chb01"]["events"]["fp"] == 1  # of its piece before


def test_the_worst_errors_are_drawn(alarmed: dict[str, Any]) -> None:
    told = {(error["record"], error["told"]) for error in alarmed["worst"]}
    assert {("s01", "seizure"), ("chb01_01_onset", "seizure")} <= told
    page = eeg_report.render(alarmed)
    assert Page(page).counts["polyline"] == len(LEADS) * len(alarmed["worst"])
    assert "annotated <b>no seizure</b>" in page
    gone = [{**alarmed["worst"][0], "path": "/nowhere/a.edf"}]
    assert "nowhere" in eeg_report.render({**alarmed, "worst": gone})


def test_a_section_of_the_results(
    report: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match="run in a checkout"):
        eeg_report.write_results(report, "eeg-seizure", "")
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "results.md").write_text("# Results\n")
    for _ in range(2):
        eeg_report.write_results(report, "eeg-seizure-line-length", "--floor line-length")
    page = (tmp_path / "docs" / "results.md").read_text()
    assert page.count("<!-- eeg-seizure-line-length: begin -->") == 1
    assert "--data $VITALWIRE_DATA --floor line-length --results" in page


def test_a_page_that_cannot_be_written(report: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is a folder"):
        eeg_report.write_page(tmp_path, report)


def test_the_logistic_floor_learns_from_the_others(data: Path) -> None:
    report = run(data, floor("logistic"))
    assert report["seizures.n"] == 4
    assert "fitted for each person on everybody else" in " ".join(report["about"])


def test_a_bundle_of_another_task_is_refused(data: Path) -> None:
    with pytest.raises(BundleError, match="eeg-seizure"):
        run(data, one_bundle(SHIPPED_FOLDER / "ecg-beat"))


def test_a_file_that_cannot_be_read_costs_itself(tmp_path: Path) -> None:
    write_pieces(tmp_path / "eeg" / "pieces", ["chb01"])
    broken = tmp_path / "eeg" / "pieces" / "chb01_03_onset.edf"
    broken.write_bytes(b"0" * 300)
    (tmp_path / "eeg" / "pieces" / "chb01_03_onset_events.tsv").write_text(events((0, 9, "sz")))
    write_eeg(tmp_path / "eeg" / "slow" / "s01.edf")  # 64 Hz
    (tmp_path / "eeg" / "slow" / "participants.tsv").write_text("participant\ns01\n")
    report = run(tmp_path)
    assert report["seizures.n"] == 2
    assert [one["record"] for one in report["skipped"]] == ["s01"]
    assert "64 Hz cannot be analysed" in report["skipped"][0]["why"]
    assert [line for line in report["notes"] if str(broken) in line]
    assert "64 Hz cannot be analysed" in eeg_report.render(report)


def test_nobody_with_a_seizure(tmp_path: Path) -> None:
    write_people(tmp_path)
    report = run(tmp_path)
    assert report["events.sensitivity"] is None
    assert report["seizures.n"] == 0
    assert "Nobody here has a seizure: sensitivity" in eeg_report.text(report)
    with pytest.raises(InputError, match="no seizure is there"):
        run(tmp_path, floor("logistic"))


def test_fewer_leads_than_asked_for(tmp_path: Path) -> None:
    write_people(tmp_path, ["s01"], 10)
    write(tmp_path / "s02.edf", brain(10, n_leads=2), LEADS[:2])
    report = run(tmp_path, leads=(4,))
    assert report["n_recordings"] == 1
    assert "s02: has 2 leads, 4 were asked for" in report["skipped"][0]["why"]
    with pytest.raises(InputError, match=r"nothing could be scored: .*9 were asked for"):
        run(tmp_path, leads=(9,))


def test_a_recording_that_lies_there_twice(tmp_path: Path) -> None:
    write_people(tmp_path / "a", ["s01"], 5)
    write_people(tmp_path / "b", ["s01"], 5)
    with pytest.raises(InputError, match=r"b/s01.edf: s01 of s01 lies in .*/a too"):
        run(tmp_path)


def test_a_folder_without_folds(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"folds.json: cannot be read"):
        by_folds(tmp_path)


def test_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such folder"):
        run(tmp_path / "nowhere")
    with pytest.raises(InputError, match="found none that can be read"):
        run(tmp_path)


def test_people_of_the_made_folder_are_told_apart(report: dict[str, Any]) -> None:
    assert report["n_patients_with_seizures"] == len(SICK)
