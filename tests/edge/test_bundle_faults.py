"""Kills, full disks and torn lines: the old bundle is whole, or the new one is."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge import bundle_audit
from edge.bundle_store import BundleStore
from tests.edge.bundle_site import BEAT, Site
from tests.small_disk import small_file_system
from vitalwire.bundle import load_bundle
from vitalwire.errors import InputError, UnavailableError


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


class TestAudit:
    def test_a_line_that_a_power_cut_has_torn_does_not_spoil_the_next(
        self, tmp_path: Path
    ) -> None:
        path = tmp_path / "audit.jsonl"
        bundle_audit.append(path, {"n": 1})
        with path.open("a") as file:
            file.write('{"time": "20')
        bundle_audit.append(path, {"n": 2})
        first, _, last = path.read_text().splitlines()
        assert (json.loads(first)["n"], json.loads(last)["n"]) == (1, 2)

    def test_tells_whom_sudo_acts_for(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("SUDO_USER", "ann")
        bundle_audit.append(tmp_path / "audit.jsonl", {})
        assert json.loads((tmp_path / "audit.jsonl").read_text())["sudo_user"] == "ann"

    def test_no_change_without_a_line(self, site: Site) -> None:
        (site.data / "bundles" / "audit.jsonl").mkdir()
        with pytest.raises(InputError, match="cannot write into"):
            site.store.install(site.signed(4))
        assert site.running() == 3


@pytest.mark.slow
@pytest.mark.parametrize("damaged", [False, True])
def test_a_kill_at_any_moment_leaves_one_that_is_whole(site: Site, damaged: bool) -> None:
    old = site.store.install(site.signed(4))
    if damaged:  # what is left of an earlier try is in the way
        offered = site.store.install(site.signed(5))
        offered.bundle.card.unlink()
        site.store.rollback(BEAT)
    scratch = site.root / "scratch"
    offer = site.signed(5)
    paths = map(str, (site.data, site.shipped, offer, scratch))
    command = [sys.executable, "-m", "tests.edge.bundle_killer", *paths]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert ended.returncode == 0, ended.stderr
    told = [line.split() for line in ended.stdout.splitlines()]
    assert len(told) > 15
    assert [code for _, code, _ in told] == ["9"] * (len(told) - 1) + ["0"]
    running = [version for _, _, version in told]
    assert running == sorted(running)
    assert {"4", "5"} == set(running)
    for data_dir in scratch.iterdir():
        store = BundleStore(data_dir, site.shipped)
        now = store.install(offer).now  # whatever was left is no obstacle
        folder = data_dir / "bundles" / BEAT
        assert sorted(path.name for path in folder.iterdir()) == sorted(
            [old.now, now, "current"]
        )
        assert sum(line.count('"install"') for line in audit_lines(data_dir)) >= 2


def audit_lines(data_dir: Path) -> list[str]:
    return (data_dir / "bundles" / "audit.jsonl").read_text().splitlines()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own, 64 pages large."""
    with small_file_system(tmp_path / "small", 64 * 4096) as disk:
        yield disk


def test_a_full_disk_leaves_the_old_one_whole(small_disk: Path) -> None:
    site = Site(small_disk)
    offered = site.signed(4)
    ballast = small_disk / "ballast"
    refusals = []
    for free_pages in range(20):
        _fill(ballast, free_pages)
        try:
            site.store.install(offered)
        except UnavailableError as error:
            refusals.append(str(error))
        else:
            break
        assert site.running() == 3
        for name in site.left():  # whole, though not current
            load_bundle(site.data / "bundles" / BEAT / name, trust=site.store.trust())
    assert len(refusals) > 3
    assert all("what ran before stays current" in told for told in refusals)
    assert site.running() == 4
    told = [line["action"] for line in site.audit()]
    assert told == ["install", "install failed"] * (len(told) // 2) + ["install"]


def _fill(ballast: Path, free_pages: int) -> None:
    """Take all the space but so many pages."""
    ballast.unlink(missing_ok=True)
    with ballast.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            file.truncate(max(0, file.tell() - 4096 * free_pages))
