"""A bundle is loaded whole, as it was made, by whom it may be made: or not at all."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
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

from tests.vitalwire.bundles import MODELS, make_bundle, make_signed, manifest_fields
from vitalwire.bundle import (
    Manifest,
    Task,
    Trust,
    describe,
    load_bundle,
    pin,
    read_manifest,
    sign,
    write_manifest,
)
from vitalwire.bundle.keys import make_key_pair, read_private_key, read_public_key
from vitalwire.bundle.manifest import MAX_MANIFEST_BYTES, parse_manifest
from vitalwire.bundle.trust import read_pins
from vitalwire.errors import BundleError, InputError

ANYBODY = Trust.of_anybody()


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    make_bundle(tmp_path / "made")
    return tmp_path / "made"


def refusal(path: Path, trust: Trust = ANYBODY, task: Task | None = None) -> str:
    """Why it is not loaded, in one line."""
    with pytest.raises(BundleError) as caught:
        load_bundle(path, trust=trust, task=task)
    assert str(caught.value).isprintable()
    return str(caught.value)


class TestLoading:
    def test_what_was_written_is_loaded(self, tmp_path: Path) -> None:
        digest = make_bundle(tmp_path / "made")
        bundle = load_bundle(tmp_path / "made", trust=ANYBODY, task=Task.ECG_BEAT)
        assert bundle.manifest == Manifest(**manifest_fields(tmp_path / "made"))
        assert bundle.digest == digest
        assert bundle.trusted_by == "nobody"
        assert bundle.name == f"ecg-beat 3 ({digest[:12]})"
        assert bundle.card.read_text().startswith("# ecg-beat")
        model = bundle.file("onnxruntime", "fp32")
        assert model == tmp_path / "made" / "model.fp32.onnx"
        assert bundle.read(model) == model.read_bytes()
        assert bundle.file("onnxruntime", "int8") is None

    def test_what_changed_after_it_was_loaded_is_not_read(self, bundle: Path) -> None:
        loaded = load_bundle(bundle, trust=ANYBODY)
        model = bundle / "model.fp32.onnx"
        model.write_bytes(model.read_bytes()[::-1])
        with pytest.raises(BundleError, match="altered"):
            loaded.read(model)

    def test_only_files_of_the_bundle_are_read(self, bundle: Path) -> None:
        with pytest.raises(BundleError, match=r"manifest\.json is no file of the bundle"):
            load_bundle(bundle, trust=ANYBODY).read(bundle / "manifest.json")

    def test_of_another_task(self, bundle: Path) -> None:
        told = refusal(bundle, task=Task.ECG_RHYTHM)
        assert "for ecg-beat, expected one for ecg-rhythm" in told

    def test_no_folder_and_no_manifest(self, tmp_path: Path) -> None:
        assert "is no bundle" in refusal(tmp_path / "nowhere")
        assert "manifest.json is missing" in refusal(tmp_path)

    @pytest.mark.parametrize("name", [*MODELS, "card.md"])
    def test_a_file_is_missing(self, bundle: Path, name: str) -> None:
        (bundle / name).unlink()
        assert f"{name} is missing" in refusal(bundle)

    @pytest.mark.parametrize("name", ["more.onnx", ".hidden", "model.fp32.onnx\x1b[2J"])
    def test_a_file_too_many(self, bundle: Path, name: str) -> None:
        (bundle / name).write_bytes(b"")
        assert "is not in its manifest" in refusal(bundle)

    def test_a_folder_too_many(self, bundle: Path) -> None:
        (bundle / "more").mkdir()
        assert "'more'" in refusal(bundle)

    @pytest.mark.parametrize("name", ["model.fp32.onnx", "card.md", "manifest.json"])
    def test_a_link_to_the_very_same_file(self, bundle: Path, name: str) -> None:
        elsewhere = bundle.parent / name
        (bundle / name).rename(elsewhere)
        (bundle / name).symlink_to(elsewhere)
        assert "is a link" in refusal(bundle)

    def test_a_pipe_is_not_waited_for(self, bundle: Path) -> None:
        (bundle / "card.md").unlink()
        os.mkfifo(bundle / "card.md")
        assert "no regular file" in refusal(bundle)

    def test_a_folder_in_the_place_of_a_file(self, bundle: Path) -> None:
        (bundle / "card.md").unlink()
        (bundle / "card.md").mkdir()
        assert "no regular file" in refusal(bundle)

    def test_a_file_that_grew(self, bundle: Path) -> None:
        with (bundle / "model.fp32.onnx").open("ab") as file:
            file.write(b"\0")
        refusal(bundle)


Edit = Callable[[dict[str, Any]], Any]


def _set(**fields: Any) -> Edit:
    return lambda manifest: manifest.update(fields)


def _rename(name: str) -> Edit:
    return lambda manifest: manifest["files"].update({name: manifest["files"]["card.md"]})


FIELDS: dict[str, tuple[Edit, str]] = {
    "newer format": (_set(format=2), "format 2, this vitalwire reads format 1"),
    "format as text": (_set(format="1"), "format '1'"),
    "format as truth": (_set(format=True), "format True"),
    "no format": (lambda m: m.pop("format"), "format None"),
    "unknown task": (_set(task="ecg-mood"), "task 'ecg-mood' is unknown"),
    "task as list": (_set(task=["ecg-beat"]), "is unknown"),
    "unknown field": (_set(more=1), "more: Extra inputs"),
    "missing field": (lambda m: m.pop("labels"), "labels: Field required"),
    "version nought": (_set(version=0), "version"),
    "version as float": (_set(version=3.5), "version"),
    "number as text": (_set(temperature="1"), "temperature"),
    "temperature nought": (_set(temperature=0), "temperature"),
    "infinite": (_set(fs_hz=float("inf")), "Infinity is no number"),
    "not a number": (_set(figures={"VEB.se": float("nan")}), "NaN is no number"),
    "local time": (_set(created="2026-03-01T12:00:00+01:00"), "expected a UTC time"),
    "no time": (_set(created="today"), "expected a UTC time"),
    "other signal": (_set(signal="eeg"), "works on another signal"),
    "no labels": (_set(labels=[]), "labels"),
    "a label twice": (_set(labels=["N", "N"]), "a label comes twice"),
    "empty shape axis": (_set(inputs={"beat": [3, 0]}), "inputs.beat.1"),
    "control characters": (_set(leads="\x1b[2Jfirst"), "control characters"),
    "control in a key": (_set(thresholds={"V\n": 0.5}), "control characters"),
    "half a surrogate": (_set(leads="\ud800"), "control characters"),
    "episode of no label": (_set(episodes={"af": {}}), "'af' is none of the labels"),
    "episode without numbers": (_set(episodes={"V": {"enter": 0.5}}), "episodes.V: expected"),
    "gate of no file": (_set(gates={"model.x": {}}), "'model.x' is none of the files"),
    "traversal": (_rename("../card.md"), "is no name of a file"),
    "absolute": (_rename("/etc/passwd"), "is no name of a file"),
    "below": (_rename("more/card.md"), "is no name of a file"),
    "windows": (_rename("..\\card.md"), "is no name of a file"),
    "dots": (_rename(".."), "is no name of a file"),
    "hidden": (_rename(".card"), "is no name of a file"),
    "nameless": (_rename(""), "is no name of a file"),
    "itself": (_rename("manifest.json"), "is no name of a file"),
    "its signature": (_rename("manifest.sig"), "is no name of a file"),
    "capitals": (_rename("CARD.md"), "differ only in capitals"),
    "no card": (lambda m: m["files"].pop("card.md"), "card.md is missing"),
    "no model": (lambda m: [m["files"].pop(name) for name in MODELS], "no model"),
    "runtime alone": (
        lambda m: m["files"]["model.fp32.onnx"].pop("precision"),
        "both, or neither",
    ),
    "two of a kind": (
        lambda m: m["files"]["model.int8.tflite"].update(
            runtime="onnxruntime", precision="fp32"
        ),
        "two models for one runtime",
    ),
    "huge file": (lambda m: m["files"]["card.md"].update(bytes=1 << 40), "files.card.md.bytes"),
    "negative size": (lambda m: m["files"]["card.md"].update(bytes=-1), "files.card.md.bytes"),
    "hash with a newline": (
        lambda m: m["files"]["card.md"].update(sha256="0" * 64 + "\n"),
        "control characters",
    ),
    "short hash": (lambda m: m["files"]["card.md"].update(sha256="00"), "sha256"),
    "many files": (lambda m: [_rename(f"f{n}")(m) for n in range(20)], "files"),
}

BYTES: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "empty": (lambda _: b"", "not the JSON"),
    "a list": (lambda raw: b"[" + raw + b"]", "expected an object, got list"),
    "latin-1": (lambda raw: raw.replace(b"first", b"f\xefrst"), "not UTF-8"),
    "utf-16": (lambda raw: raw.decode().encode("utf-16"), "not UTF-8"),
    "byte order mark": (lambda raw: b"\xef\xbb\xbf" + raw, "not the JSON"),
    "torn": (lambda raw: raw[:-20], "not the JSON"),
    "a key twice": (
        lambda raw: raw.replace(b'"seed": 7', b'"seed": 8, "seed": 7'),
        "'seed' comes twice",
    ),
    "a key twice, spelled otherwise": (
        lambda raw: raw.replace(b'"seed": 7', b'"\\u0073eed": 8, "seed": 7'),
        "'seed' comes twice",
    ),
    "a file twice": (
        lambda raw: raw.replace(b'"card.md": {', b'"card.md": {}, "card.md": {'),
        "'card.md' comes twice",
    ),
    "overflow": (lambda raw: raw.replace(b"1.3", b"1e999"), "not finite"),
    "endless digits": (lambda raw: raw.replace(b"51234", b"9" * 5000), "not the JSON"),
    "more than 64 bits": (lambda raw: raw.replace(b"1.3", b"9" * 400), "temperature"),
    "deep": (lambda _: b'{"a":' * 200_000 + b"1", "nested too deeply"),
    "large": (lambda raw: raw + b" " * MAX_MANIFEST_BYTES, "larger than"),
}


def _good() -> dict[str, Any]:
    with TemporaryDirectory() as folder:
        make_bundle(Path(folder))
        fields: dict[str, Any] = json.loads((Path(folder) / "manifest.json").read_bytes())
    return fields


GOOD = _good()


class TestManifest:
    @pytest.mark.parametrize("what", FIELDS)
    def test_fields_that_do_not_fit(self, bundle: Path, what: str) -> None:
        edit, told = FIELDS[what]
        manifest = json.loads((bundle / "manifest.json").read_bytes())
        edit(manifest)
        (bundle / "manifest.json").write_text(json.dumps(manifest))
        assert told in refusal(bundle)

    @pytest.mark.parametrize("what", BYTES)
    def test_bytes_that_mean_nothing_or_two_things(self, bundle: Path, what: str) -> None:
        change, told = BYTES[what]
        path = bundle / "manifest.json"
        before = path.read_bytes()
        path.write_bytes(change(before))
        assert path.read_bytes() != before
        assert told in refusal(bundle)

    @given(
        st.sampled_from(sorted(Manifest.model_fields)),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
            lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
            max_leaves=8,
        ),
    )
    def test_any_value_in_any_field_is_read_or_refused(self, field: str, value: Any) -> None:
        raw = json.dumps(GOOD | {field: value}).encode()
        told = ""
        try:
            manifest = parse_manifest(raw, "here")
        except BundleError as error:
            told = str(error)
        if told:
            assert told.startswith("here: ")
            assert told.isprintable()
        else:
            assert parse_manifest(manifest.to_json(), "again") == manifest

    def test_is_written_only_for_the_files_that_are_there(self, bundle: Path) -> None:
        before = (bundle / "manifest.json").read_bytes()
        fields = manifest_fields(bundle, version=4)
        (bundle / "card.md").write_text("another card")
        with pytest.raises(BundleError, match="altered"):
            write_manifest(bundle, Manifest(**fields))
        assert (bundle / "manifest.json").read_bytes() == before

    def test_is_not_written_with_what_could_not_be_read(self, bundle: Path) -> None:
        fields = manifest_fields(bundle) | {"command": "two\nlines"}
        with pytest.raises(BundleError, match="control characters"):
            write_manifest(bundle, Manifest(**fields))

    def test_a_new_one_is_not_covered_by_the_old_signature(self, tmp_path: Path) -> None:
        bundle = tmp_path / "made"
        make_signed(bundle, tmp_path / "keys")
        write_manifest(bundle, Manifest(**manifest_fields(bundle, version=4)))
        assert not (bundle / "manifest.sig").exists()

    def test_can_be_read_by_another_user(self, bundle: Path) -> None:
        assert (bundle / "manifest.json").stat().st_mode & 0o777 == 0o644
        assert sorted(path.name for path in bundle.iterdir()) == sorted(
            [*MODELS, "card.md", "manifest.json"]
        )


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


def test_a_file_is_described_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "card.md").write_bytes(b"abc")
    entry = describe(tmp_path / "card.md")
    assert entry.bytes == 3
    assert entry.sha256.startswith("ba7816bf8f01cfea")  # FIPS 180-2, appendix B.1
