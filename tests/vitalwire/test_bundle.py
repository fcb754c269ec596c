"""A bundle is loaded whole, as it was made, by whom it may be made: or not at all."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.vitalwire.bundles import MODELS, make_bundle, make_signed, manifest_fields
from vitalwire.bundle import (
    Manifest,
    Task,
    Trust,
    describe,
    load_bundle,
    write_manifest,
)
from vitalwire.bundle.manifest import MAX_MANIFEST_BYTES, parse_manifest
from vitalwire.errors import BundleError

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


def test_a_file_is_described_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "card.md").write_bytes(b"abc")
    entry = describe(tmp_path / "card.md")
    assert entry.bytes == 3
    assert entry.sha256.startswith("ba7816bf8f01cfea")  # FIPS 180-2, appendix B.1
