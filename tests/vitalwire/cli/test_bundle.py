"""`vitalwire bundle`, as typed."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from edge import bundle_store
from tests.vitalwire.bundles import make_bundle, make_shipped, make_signed
from vitalwire.bundle import Task
from vitalwire.cli import app

COMMANDS = ["show", "verify", "sign", "keygen", "install", "rollback"]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of one's own; a release that ships version 3 of the beat model."""
    release = tmp_path / "release"
    make_shipped(release)
    monkeypatch.setattr(bundle_store, "SHIPPED_FOLDER", release)
    work = tmp_path / "work"
    (work / "data").mkdir(parents=True)
    monkeypatch.chdir(work)
    return work


def run(*args: object, code: int = 0) -> str:
    result = CliRunner().invoke(app, ["bundle", *map(str, args)])
    assert result.exit_code == code, result.output
    if code == 0:
        return result.stdout
    assert len(result.stderr.splitlines()) == 1
    return result.stderr


def run_json(*args: object) -> dict[str, Any]:
    fields: dict[str, Any] = json.loads(run(*args, "--json").splitlines()[-1])
    return fields


def signed(here: Path, version: int = 4) -> Path:
    make_signed(here / f"v{version}", here / "keys", version)
    return here / f"v{version}"


@pytest.mark.parametrize("command", COMMANDS)
def test_help_has_an_example(command: str) -> None:
    told = run(command, "--help")
    assert f"Example: vitalwire bundle {command}" in told
    assert "--json" in told


def test_from_a_key_to_a_rollback(here: Path) -> None:
    made = run_json("keygen", "--out", "keys")
    make_bundle(here / "made", version=4)
    assert run_json("sign", "made", "--key", made["private"])["key"] == made["key"]
    install = ("install", "made", "--data-dir", "data")
    told = run_json(*install, "--key", made["public"])
    assert (told["from"], told["version"], told["changed"]) == ("shipped", 4, True)
    assert told["trusted_by"] == f"key {made['key']}"
    assert run_json(*install)["changed"] is False
    assert run_json("verify", "ecg-beat", "--data-dir", "data")["version"] == 4
    told = run_json("rollback", "ecg-beat", "--data-dir", "data")
    assert (told["to"], told["version"]) == ("shipped", 3)
    lines = (here / "data" / "bundles" / "audit.jsonl").read_text().splitlines()
    assert [json.loads(line)["action"] for line in lines] == ["trust", "install", "rollback"]


class TestShow:
    def test_a_shipped_one(self) -> None:
        told = run("show", "ecg-beat")
        assert "ecg-beat version 3" in told
        assert "by pinned" in told
        assert "model.int8.tflite" in told
        assert "card.md" in told.splitlines()[-1]

    def test_one_that_nobody_trusts_is_shown_as_such(self, here: Path) -> None:
        make_bundle(here / "made", Task.ECG_RHYTHM, 9)
        assert "NO: " in run("show", "made")
        fields = run_json("show", "made")
        assert fields["trusted"] is False
        assert "no manifest.sig" in fields["reason"]
        assert fields["manifest"]["task"] == "ecg-rhythm"
        assert Path(fields["card"]).read_text().startswith("# ecg-rhythm")

    def test_with_the_key_of_who_signed_it(self, here: Path) -> None:
        fields = run_json("show", signed(here), "--key", "keys/site-public.pem")
        assert fields["trusted_by"].startswith("key ")

    def test_no_bundle(self) -> None:
        assert "is no bundle" in run("show", "nowhere", code=1)

    @pytest.mark.parametrize("command", ["show", "verify"])
    def test_where_nobody_can_look(self, command: str) -> None:
        name = (
            "n" * 300
        )  # longer than a file system takes; a closed folder is told the same way
        assert "cannot look at" in run(command, name, code=1)
        assert "cannot look at" in run(command, "ecg-beat", "--data-dir", name, code=1)


class TestVerify:
    def test_a_shipped_one(self) -> None:
        assert "trusted by this release" in run("verify", "ecg-beat")

    def test_altered(self, here: Path) -> None:
        bundle = signed(here)
        run("verify", bundle, "--key", "keys/site-public.pem")
        (bundle / "card.md").write_text("another card")
        assert "altered" in run("verify", bundle, "--key", "keys/site-public.pem", code=1)

    def test_says_why_as_json_too(self, here: Path) -> None:
        make_bundle(here / "made")
        result = CliRunner().invoke(app, ["bundle", "verify", "made", "--json"])
        assert result.exit_code == 1
        fields = json.loads(result.stdout.splitlines()[-1])
        assert fields["trusted"] is False
        assert fields["reason"] in result.stderr

    def test_a_key_that_is_none_is_not_passed_over(self, here: Path) -> None:
        (here / "no.pem").write_text("no key")
        options = ("--key", "no.pem", "--key", "keys/site-public.pem")
        told = run("verify", signed(here), *options, code=2)
        assert "no.pem is not an Ed25519 public key" in told

    def test_a_name_that_could_be_two_things(self, here: Path) -> None:
        make_bundle(here / "ecg-beat")
        assert "write ./ecg-beat" in run("verify", "ecg-beat", code=2)
        assert "no manifest.sig" in run("verify", "./ecg-beat", code=1)

    def test_a_task_without_a_bundle(self) -> None:
        told = run("verify", "eeg-seizure", "--data-dir", "data", code=1)
        assert "none is installed" in told
        assert "is no bundle" in run("verify", "eeg-seizure", code=1)


class TestRefusals:
    def test_where_nobody_can_look(self, here: Path) -> None:
        name = "n" * 300
        told = run("rollback", "ecg-beat", "--data-dir", name, code=2)
        assert "cannot write into" in told
        told = run("keygen", "--out", name, code=2)
        assert "cannot write a key into" in told
        make_bundle(here / "made")
        assert "cannot read the key" in run("sign", "made", "--key", name, code=2)

    def test_keys_are_not_overwritten(self, here: Path) -> None:
        run("keygen", "--out", "keys")
        before = (here / "keys" / "site-private.pem").read_bytes()
        assert "not overwritten" in run("keygen", "--out", "keys", code=2)
        assert (here / "keys" / "site-private.pem").read_bytes() == before

    def test_sign_with_the_wrong_one_of_the_pair(self, here: Path) -> None:
        make_bundle(here / "made")
        run("keygen", "--out", "keys")
        told = run("sign", "made", "--key", "keys/site-public.pem", code=2)
        assert "is a public key" in told

    def test_install_older(self, here: Path) -> None:
        told = run(
            "install", signed(here, 2), "--data-dir", "data", "--key", "keys/site-public.pem",
            code=1,
        )  # fmt: skip
        assert "older than 3-" in told

    def test_install_into_no_data_folder(self, here: Path) -> None:
        told = run(
            "install", signed(here), "--data-dir", "date", "--key", "keys/site-public.pem",
            code=2,
        )  # fmt: skip
        assert "there is no folder date" in told
        assert not (here / "date").exists()

    def test_install_without_a_trusted_key(self, here: Path) -> None:
        told = run("install", signed(here), "--data-dir", "data", code=1)
        assert "no key is trusted here" in told
        assert list((here / "data").iterdir()) == []

    def test_roll_back_where_nothing_was(self) -> None:
        told = run("rollback", "ecg-beat", "--data-dir", "data", code=1)
        assert "nothing ran before shipped" in told

    def test_roll_back_what_is_no_task(self) -> None:
        result = CliRunner().invoke(app, ["bundle", "rollback", "mood", "--data-dir", "data"])
        assert result.exit_code == 2
        assert "eeg-seizure" in result.stderr


def test_without_cryptography_pinned_bundles_still_load_and_the_rest_says_what_to_install(
    here: Path,
) -> None:
    bundle = signed(here)
    code = (
        "import sys; sys.modules['cryptography'] = None\n"
        "from edge.bundle_store import BundleStore\n"
        "from pathlib import Path\n"
        "from vitalwire.bundle import Task\n"
        "from vitalwire.cli import main\n"
        "store = BundleStore(Path('data'), Path(sys.argv.pop(1)))\n"
        "print(store.load(Task.ECG_BEAT).trusted_by, flush=True)\n"
        "main()\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code, str(here.parent / "release"), "bundle", "verify", bundle,
         "--key", "keys/site-public.pem"],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert ended.stdout == "pinned\n"
    assert ended.returncode == 2
    assert "pip install 'vitalwire[edge]'" in ended.stderr
