"""Who may stand for a bundle: a pin of the release, a key of the site, nobody else."""

import shutil
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from hypothesis import given
from hypothesis import strategies as st

from tests.vitalwire.bundles import make_bundle, make_signed
from vitalwire.bundle import (
    Task,
    Trust,
    load_bundle,
    pin,
    read_manifest,
    sign,
)
from vitalwire.bundle.keys import make_key_pair, read_private_key, read_public_key
from vitalwire.bundle.trust import read_pins
from vitalwire.errors import BundleError, InputError


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    make_bundle(tmp_path / "made")
    return tmp_path / "made"


def refusal(path: Path, trust: Trust) -> str:
    """Why it is not loaded, in one line."""
    with pytest.raises(BundleError) as caught:
        load_bundle(path, trust=trust)
    assert str(caught.value).isprintable()
    return str(caught.value)


@pytest.fixture(scope="module", params=["signed", "pinned"])
def signed(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Trust]:
    root = tmp_path_factory.mktemp("signed")
    if request.param == "pinned":
        return root / "made", Trust({Task.ECG_BEAT: make_bundle(root / "made")})
    make_signed(root / "made", root / "keys")
    return root / "made", Trust(keys=(root / "keys" / "site-public.pem",))


class TestTrust:
    def test_nobody_is_trusted_by_default(self, bundle: Path) -> None:
        assert "no manifest.sig" in refusal(bundle, Trust())

    def test_pinned(self, tmp_path: Path) -> None:
        digest = make_bundle(tmp_path / "ecg-beat")
        pin(tmp_path / "ecg-beat", digest)
        trust = Trust.of_site(tmp_path / "pinned.json", tmp_path / "none")
        assert load_bundle(tmp_path / "ecg-beat", trust=trust).trusted_by == "pinned"

    def test_signed(self, tmp_path: Path) -> None:
        make_signed(tmp_path / "made", tmp_path / "keys")
        trust = Trust(keys=(tmp_path / "keys" / "site-public.pem",))
        assert load_bundle(tmp_path / "made", trust=trust).trusted_by.startswith("key ")

    def test_signed_by_one_of_several_keys_one_of_them_broken(self, tmp_path: Path) -> None:
        make_signed(tmp_path / "made", tmp_path / "keys")
        trusted = tmp_path / "trusted"
        _, other, _ = make_key_pair(tmp_path / "other")
        trusted.mkdir()
        (trusted / "a.pem").write_text("broken")
        other.rename(trusted / "b.pem")
        told = refusal(tmp_path / "made", Trust.of_site(tmp_path / "no.json", trusted))
        assert "not by b.pem" in told
        assert "a.pem is not an Ed25519 public key" in told
        shutil.copy(tmp_path / "keys" / "site-public.pem", trusted / "c.pem")
        load_bundle(tmp_path / "made", trust=Trust.of_site(tmp_path / "no.json", trusted))

    def test_no_keys(self, tmp_path: Path) -> None:
        make_signed(tmp_path / "made", tmp_path / "keys")
        assert "no key is trusted here" in refusal(tmp_path / "made", Trust())

    def test_trust_comes_before_what_the_manifest_says(self, tmp_path: Path) -> None:
        make_signed(tmp_path / "made", tmp_path / "keys")
        (tmp_path / "made" / "manifest.json").write_text("{}")
        trust = Trust(keys=(tmp_path / "keys" / "site-public.pem",))
        assert "altered, or not signed" in refusal(tmp_path / "made", trust)

    @pytest.mark.parametrize("size", [0, 63, 65, 1000])
    def test_a_signature_of_another_size(self, tmp_path: Path, size: int) -> None:
        make_signed(tmp_path / "made", tmp_path / "keys")
        (tmp_path / "made" / "manifest.sig").write_bytes(bytes(size))
        assert "manifest.sig" in refusal(
            tmp_path / "made", Trust(keys=(tmp_path / "keys" / "site-public.pem",))
        )

    def test_the_signature_of_another_bundle(self, tmp_path: Path) -> None:
        for name in ("one", "two"):
            make_signed(tmp_path / name, tmp_path / "keys", say=name)
        shutil.copy(tmp_path / "one" / "manifest.sig", tmp_path / "two" / "manifest.sig")
        refusal(tmp_path / "two", Trust(keys=(tmp_path / "keys" / "site-public.pem",)))

    @given(st.data())
    def test_any_byte_of_any_file_matters(self, signed: tuple[Path, Trust], data: Any) -> None:
        folder, trust = signed
        name = data.draw(st.sampled_from(sorted(path.name for path in folder.iterdir())))
        content = (folder / name).read_bytes()
        changed = bytearray(content)
        changed[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))
        load_bundle(folder, trust=trust)
        (folder / name).write_bytes(changed)
        try:
            refusal(folder, trust)
        finally:
            (folder / name).write_bytes(content)


class TestPins:
    def test_one_for_each_task(self, tmp_path: Path) -> None:
        made = {task: make_bundle(tmp_path / task, task) for task in Task}
        for task, digest in made.items():
            pin(tmp_path / task, digest)
        assert read_pins(tmp_path / "pinned.json") == made
        newer = make_bundle(tmp_path / "ecg-beat", version=4)
        pin(tmp_path / "ecg-beat", newer)
        assert read_pins(tmp_path / "pinned.json") == made | {Task.ECG_BEAT: newer}

    def test_only_what_was_made(self, tmp_path: Path) -> None:
        make_bundle(tmp_path / "ecg-beat")
        with pytest.raises(BundleError, match="pinned nothing"):
            pin(tmp_path / "ecg-beat", "0" * 64)
        assert not (tmp_path / "pinned.json").exists()

    def test_only_under_its_own_name(self, tmp_path: Path) -> None:
        digest = make_bundle(tmp_path / "ecg-rhythm", Task.ECG_BEAT)
        with pytest.raises(BundleError, match="holds a bundle for ecg-beat"):
            pin(tmp_path / "ecg-rhythm", digest)

    @pytest.mark.parametrize(
        "text",
        ["", "[]", "[1]", '{"ecg-beat": 1}', '{"ecg-beat": "00"}', '{"mood": "00"}', "3"],
    )
    def test_damaged(self, tmp_path: Path, text: str) -> None:
        (tmp_path / "pinned.json").write_text(text)
        with pytest.raises(BundleError, match=r"pinned\.json"):
            read_pins(tmp_path / "pinned.json")


class TestKeys:
    def test_the_private_one_is_its_owners(self, tmp_path: Path) -> None:
        private, public, _ = make_key_pair(tmp_path / "keys")
        assert private.stat().st_mode & 0o777 == 0o600
        assert public.stat().st_mode & 0o777 == 0o644

    @pytest.mark.parametrize("name", ["site-private.pem", "site-public.pem"])
    def test_none_is_overwritten(self, tmp_path: Path, name: str) -> None:
        (tmp_path / name).write_text("precious")
        with pytest.raises(InputError, match="not overwritten"):
            make_key_pair(tmp_path)
        assert [path.name for path in tmp_path.iterdir()] == [name]
        assert (tmp_path / name).read_text() == "precious"

    def test_a_dangling_link_is_not_written_through(self, tmp_path: Path) -> None:
        (tmp_path / "site-private.pem").symlink_to(tmp_path / "elsewhere")
        with pytest.raises(InputError, match="not overwritten"):
            make_key_pair(tmp_path)
        assert not (tmp_path / "elsewhere").exists()

    def test_a_folder_that_cannot_be(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        with pytest.raises(InputError, match="cannot write a key"):
            make_key_pair(tmp_path / "file")

    def test_the_two_are_not_taken_for_each_other(self, tmp_path: Path) -> None:
        private, public, _ = make_key_pair(tmp_path)
        with pytest.raises(InputError, match="is a public key"):
            read_private_key(public)
        with pytest.raises(InputError, match="is a private key"):
            read_public_key(private)

    def test_one_that_others_can_read_signs_nothing(self, tmp_path: Path) -> None:
        private, _, _ = make_key_pair(tmp_path)
        private.chmod(0o640)
        with pytest.raises(InputError, match="chmod 600"):
            read_private_key(private)

    def test_of_another_kind(self, tmp_path: Path) -> None:
        key = generate_private_key(SECP256R1())
        private, public = tmp_path / "a.pem", tmp_path / "b.pem"
        private.write_bytes(
            key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        )
        public.write_bytes(
            key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        )
        with pytest.raises(InputError, match="another kind"):
            read_private_key(private)
        with pytest.raises(InputError, match="another kind"):
            read_public_key(public)

    def test_with_a_passphrase(self, tmp_path: Path) -> None:
        (tmp_path / "a.pem").write_bytes(
            Ed25519PrivateKey.generate().private_bytes(
                Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret")
            )
        )
        with pytest.raises(InputError, match="passphrase"):
            read_private_key(tmp_path / "a.pem")

    @pytest.mark.parametrize("content", [b"", b"\xff\x00", b"-----BEGIN PRIVATE KEY-----\nx"])
    def test_garbage(self, tmp_path: Path, content: bytes) -> None:
        (tmp_path / "a.pem").write_bytes(content)
        with pytest.raises(InputError):
            read_private_key(tmp_path / "a.pem")
        with pytest.raises(InputError):
            read_public_key(tmp_path / "a.pem")

    def test_missing(self, tmp_path: Path) -> None:
        with pytest.raises(InputError, match="cannot read the key"):
            read_private_key(tmp_path / "a.pem")


class TestSigning:
    def test_nothing_that_is_not_whole(self, tmp_path: Path, bundle: Path) -> None:
        private, _, _ = make_key_pair(tmp_path / "keys")
        (bundle / "card.md").write_text("another card")
        with pytest.raises(BundleError, match="altered"):
            sign(bundle, private)
        assert not (bundle / "manifest.sig").exists()

    def test_again_with_another_key(self, tmp_path: Path) -> None:
        make_signed(tmp_path / "made", tmp_path / "keys")
        private, public, name = make_key_pair(tmp_path / "other")
        assert sign(tmp_path / "made", private) == name
        loaded = load_bundle(tmp_path / "made", trust=Trust(keys=(public,)))
        assert loaded.trusted_by == f"key {name}"

    def test_changes_nothing_that_is_signed(self, tmp_path: Path, bundle: Path) -> None:
        _, before = read_manifest(bundle)
        private, _, _ = make_key_pair(tmp_path / "keys")
        sign(bundle, private)
        assert read_manifest(bundle)[1] == before
