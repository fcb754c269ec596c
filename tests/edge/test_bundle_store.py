"""What a gateway runs: shipped or installed, and never anything that is not whole."""

import fcntl
import os
import shutil
from pathlib import Path

import pytest

from edge.bundle_folders import KEPT
from edge.bundle_store import SHIPPED_FOLDER, BundleStore
from tests.edge.bundle_site import BEAT, Site, files
from tests.vitalwire.bundles import make_bundle, make_shipped, make_signed
from vitalwire.bundle import Task, load_bundle
from vitalwire.bundle.keys import make_key_pair
from vitalwire.errors import BundleError, InputError


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


class TestShipped:
    def test_is_run_where_nothing_is_installed(self, site: Site) -> None:
        bundle = site.store.load(BEAT)
        assert bundle is not None
        assert bundle.path == site.store.path(BEAT) == site.shipped / BEAT
        assert bundle.trusted_by == "pinned"
        assert site.store.shipped(BEAT) == bundle

    def test_none_for_a_task(self, site: Site) -> None:
        assert site.store.shipped(Task.EEG_SEIZURE) is None
        assert site.store.load(Task.EEG_SEIZURE) is None
        assert site.store.path(Task.EEG_SEIZURE) is None

    def test_altered(self, site: Site) -> None:
        make_bundle(site.shipped / BEAT, version=9)
        with pytest.raises(BundleError, match="was not shipped with"):
            site.store.load(BEAT)

    def test_a_site_key_does_not_stand_for_it(self, site: Site) -> None:
        make_signed(site.shipped / BEAT, site.root / "keys", version=9)
        with pytest.raises(BundleError):
            site.store.load(BEAT)

    def test_pinned_and_missing(self, site: Site) -> None:
        shutil.rmtree(site.shipped / BEAT)
        with pytest.raises(BundleError, match="is no bundle"):
            site.store.load(BEAT)

    def test_those_of_this_release_can_be_loaded(self, tmp_path: Path) -> None:
        store = BundleStore(tmp_path)
        shipped = {task for task in Task if store.load(task) is not None}
        assert shipped == {task for task in Task if (SHIPPED_FOLDER / task).exists()}


class TestInstall:
    def test_is_run_from_then_on(self, site: Site) -> None:
        offered = site.signed(4)
        change = site.store.install(offered)
        assert (change.before, change.now[:2], change.changed) == ("shipped", "4-", True)
        shutil.rmtree(offered)
        assert site.running() == 4
        assert site.store.load(BEAT) == change.bundle
        assert change.bundle.path.parent == site.data / "bundles" / BEAT
        assert site.installed() == [change.now, "current"]

    def test_the_daemon_of_another_user_can_read_it(self, site: Site) -> None:
        before = os.umask(0o077)
        try:
            path = site.store.install(site.signed(4)).bundle.path
        finally:
            os.umask(before)
        assert path.stat().st_mode & 0o777 == 0o755
        assert (path.parent / "current").stat().st_mode & 0o777 == 0o644
        assert {file.stat().st_mode & 0o777 for file in path.iterdir()} == {0o644}

    def test_is_audited(self, site: Site) -> None:
        change = site.store.install(site.signed(4))
        (line,) = site.audit()
        assert line["time"].endswith("Z")
        assert line["uid"] == os.getuid()
        assert line["user"]
        assert line["action"] == "install"
        assert (line["task"], line["from"], line["to"]) == ("ecg-beat", "shipped", change.now)
        assert line["digest"] == change.bundle.digest
        assert line["trusted_by"] == change.bundle.trusted_by

    def test_the_same_again_changes_nothing(self, site: Site) -> None:
        site.store.install(site.signed(4))
        before = files(site.data)
        change = site.store.install(site.signed(4))
        assert not change.changed
        assert files(site.data) == before

    def test_the_shipped_one_changes_nothing(self, site: Site) -> None:
        assert not site.store.install(site.shipped / BEAT).changed
        assert "bundles/audit.jsonl" not in files(site.data)

    def test_the_shipped_one_of_a_newer_release(self, site: Site) -> None:
        site.store.install(site.signed(4))
        make_shipped(site.shipped, version=5)
        assert site.running() == 4
        assert site.store.install(site.shipped / BEAT).now == "shipped"
        assert site.running() == 5

    @pytest.mark.parametrize("version", [1, 3])
    def test_older_than_what_is_shipped(self, site: Site, version: int) -> None:
        told = self.refused(site, site.signed(version))
        assert ("older than" if version < 3 else "another one of the version") in told

    def test_older_than_what_is_installed(self, site: Site) -> None:
        offered = site.signed(4)
        site.store.install(offered)
        site.store.install(site.signed(5))
        assert "older than 5-" in self.refused(site, offered)

    def test_another_one_of_the_same_version(self, site: Site) -> None:
        site.store.install(site.signed(4))
        assert "another one of the version" in self.refused(site, site.signed(4, "other"))

    def test_unsigned(self, site: Site) -> None:
        make_bundle(site.root / "made", version=4)
        assert "no manifest.sig" in self.refused(site, site.root / "made")

    def test_signed_by_a_stranger(self, site: Site) -> None:
        make_signed(site.root / "made", site.root / "strange", version=4)
        assert "not by site.pem" in self.refused(site, site.root / "made")

    def test_altered(self, site: Site) -> None:
        offered = site.signed(4)
        (offered / "model.fp32.onnx").write_bytes(b"another")
        assert "altered" in self.refused(site, offered)

    def test_of_a_version_in_another_ones_place(self, site: Site) -> None:
        change = site.store.install(site.signed(5))
        shutil.rmtree(change.bundle.path)
        shutil.copytree(site.signed(4), change.bundle.path)
        with pytest.raises(BundleError, match="put in another's place"):
            site.running()

    def test_that_was_damaged_is_not_run_and_can_be_mended(self, site: Site) -> None:
        change = site.store.install(site.signed(4))
        change.bundle.card.write_text("scratched")
        with pytest.raises(BundleError, match="altered or damaged"):
            site.running()
        assert site.store.install(site.signed(4)).changed
        assert site.running() == 4
        assert site.installed() == [change.now, "current"]

    def test_where_none_was_shipped(self, site: Site) -> None:
        make_signed(site.root / "made", site.root / "keys", 1, task=Task.ECG_RHYTHM)
        assert site.store.install(site.root / "made").before is None
        bundle = site.store.load(Task.ECG_RHYTHM)
        assert bundle is not None
        assert bundle.manifest.version == 1
        with pytest.raises(BundleError, match="nothing ran before 1-"):
            site.store.rollback(Task.ECG_RHYTHM)

    @staticmethod
    def refused(site: Site, offered: Path) -> str:
        """Why; and nothing has changed."""
        before, running = files(site.data), site.running()
        with pytest.raises(BundleError) as caught:
            site.store.install(offered)
        after = files(site.data)
        after.pop("bundles/lock", None)
        before.pop("bundles/lock", None)
        assert after == before
        assert site.running() == running
        return str(caught.value)


class TestKeys:
    def test_one_that_is_given_is_kept_for_the_daemon(self, site: Site) -> None:
        (site.trusted / "site.pem").unlink()
        signer = site.store.install(site.signed(4), [site.public]).bundle.trusted_by
        assert site.running() == 4
        assert [path.name for path in site.trusted.iterdir()] == [f"{signer[4:]}.pem"]
        assert [line["action"] for line in site.audit()] == ["trust", "install"]

    def test_one_that_has_not_signed_it_is_not_kept(self, site: Site) -> None:
        other = make_key_pair(site.root / "other")[1]
        site.store.install(site.signed(4), [other, site.public])
        assert [path.name for path in site.trusted.iterdir()] == ["site.pem"]

    def test_what_a_removed_key_has_signed_is_not_run(self, site: Site) -> None:
        site.store.install(site.signed(4))
        (site.trusted / "site.pem").unlink()
        with pytest.raises(BundleError, match="no key is trusted"):
            site.running()


class TestRollback:
    def test_step_by_step_to_the_shipped_one(self, site: Site) -> None:
        names = [site.store.install(site.signed(version)).now for version in (4, 5)]
        change = site.store.rollback(BEAT)
        assert (change.before, change.now, site.running()) == (names[1], names[0], 4)
        change = site.store.rollback(BEAT)
        assert (change.before, change.now, site.running()) == (names[0], "shipped", 3)
        with pytest.raises(BundleError, match="nothing ran before shipped"):
            site.store.rollback(BEAT)
        told = [(line["action"], line["from"], line["to"]) for line in site.audit()]
        assert told[2:] == [
            ("rollback", names[1], names[0]),
            ("rollback", names[0], "shipped"),
        ]

    def test_what_was_rolled_back_can_be_installed_again(self, site: Site) -> None:
        for version in (4, 5):
            site.store.install(site.signed(version))
        site.store.rollback(BEAT)
        assert site.store.install(site.signed(5)).changed
        site.store.rollback(BEAT)
        assert site.running() == 4

    def test_from_one_that_is_damaged(self, site: Site) -> None:
        site.store.install(site.signed(4)).bundle.card.unlink()
        site.store.rollback(BEAT)
        assert site.running() == 3

    def test_passes_over_what_cannot_be_run(self, site: Site) -> None:
        lost = site.store.install(site.signed(4))
        shutil.rmtree(lost.bundle.path)
        (site.data / "bundles" / BEAT / "current").write_text(f"5-{'0' * 12}\n{lost.now}\n")
        change = site.store.rollback(BEAT)
        assert (change.now, change.skipped) == ("shipped", (lost.now,))
        assert site.audit()[-1]["skipped"] == [lost.now]

    def test_nothing_that_can_be_run(self, site: Site) -> None:
        site.store.install(site.signed(4))
        (site.shipped / BEAT / "card.md").unlink()
        before = files(site.data)
        with pytest.raises(BundleError, match=r"card\.md is missing"):
            site.store.rollback(BEAT)
        assert files(site.data) == before
        assert site.running() == 4

    def test_the_disk_is_bounded(self, site: Site) -> None:
        for version in range(4, 4 + KEPT + 2):
            site.store.install(site.signed(version))
        kept = site.installed()
        assert len(kept) == KEPT + 1
        for _ in range(KEPT - 1):
            site.store.rollback(BEAT)
        assert site.running() == 6
        site.store.rollback(BEAT)
        assert site.running() == 3


class TestDataFolder:
    def test_missing(self, site: Site) -> None:
        store = BundleStore(site.root / "nowhere", site.shipped)
        with pytest.raises(InputError, match="there is no folder"):
            store.install(site.signed(4), [site.public])
        with pytest.raises(InputError, match="there is no folder"):
            store.rollback(BEAT)
        assert not (site.root / "nowhere").exists()

    @pytest.mark.parametrize("text", ["", "\n", "../../etc\n", "4-0\n", "shipped\n\xff\n"])
    def test_with_a_damaged_current(self, site: Site, text: str) -> None:
        path = site.data / "bundles" / BEAT / "current"
        path.parent.mkdir()
        path.write_text(text)
        for act in (site.store.load, site.store.rollback, site.store.path):
            with pytest.raises(BundleError, match="is damaged: remove it"):
                act(BEAT)
        with pytest.raises(BundleError, match="is damaged"):
            site.store.install(site.signed(4))
        assert path.read_text() == text

    def test_that_another_command_is_changing(self, site: Site) -> None:
        with (site.data / "bundles" / "lock").open("w") as other:
            fcntl.flock(other, fcntl.LOCK_EX)
            with pytest.raises(InputError, match="another command"):
                site.store.install(site.signed(4))
        assert site.store.install(site.signed(4)).changed


def test_what_is_loaded_is_what_was_installed(site: Site) -> None:
    offered = site.signed(4)
    site.store.install(offered)
    bundle = site.store.load(BEAT)
    assert bundle is not None
    assert files(bundle.path) == files(offered)
    assert load_bundle(offered, trust=site.store.trust()).digest == bundle.digest
