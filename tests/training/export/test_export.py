"""A run becomes a bundle that the gateway runs; what fails a gate is not in it."""

import math
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from edge.ecg_manifests import beat_model, rhythm_model
from edge.runtimes.loading import load_model
from tests.training.export.trained import MadeUp, colder, signal, trained
from training.export import export_run as exporting
from training.export import formats
from training.export.card import NOT_A_DEVICE, NOT_EVALUATED, Evaluation, Figure
from training.export.export_run import Exported, export_run
from training.export.graphs import graph_of
from training.export.rewrite import rewrite
from vitalwire.bundle import Bundle, Precision, Runtime, Task, Trust, load_bundle
from vitalwire.errors import InputError

pytestmark = pytest.mark.slow  # torch, two converters and what they import

KINDS: list[tuple[Runtime, Precision]] = [
    ("onnxruntime", "fp32"), ("onnxruntime", "int8"), ("litert", "fp32"), ("litert", "int8"),
]  # fmt: skip


def bundle_of(exported: Exported) -> Bundle:
    return load_bundle(exported.path, trust=Trust.of_anybody())


@pytest.mark.parametrize(("runtime", "precision"), KINDS)
def test_every_file_of_a_beat_model_says_what_torch_says(
    beat: Exported, runtime: Runtime, precision: Precision
) -> None:
    one = trained(Task.ECG_BEAT)
    graph = graph_of(Task.ECG_BEAT, one.model, 1.25, 4)
    inputs = MadeUp(Task.ECG_BEAT).real_inputs(50)
    found = load_model(bundle_of(beat), runtime=runtime, precision=precision).run(inputs)
    wanted = graph.run(inputs)
    atol = 1e-4 if precision == "fp32" else 0.05
    np.testing.assert_allclose(found["probability"], wanted["probability"], atol=atol)
    with torch.no_grad():
        logits, maps = one.model(*(torch.from_numpy(value) for value in inputs.values()))
    np.testing.assert_allclose(
        wanted["probability"], torch.softmax(logits / 1.25, 1).numpy(), atol=1e-5
    )
    shown = maps[torch.arange(50), logits.argmax(1)]
    shown = (shown / shown.amax(1, keepdim=True).clamp(min=1e-6)).numpy()
    np.testing.assert_allclose(wanted["activation"], shown, atol=1e-4)


def test_the_gateway_takes_both(beat: Exported, rhythm: Exported) -> None:
    assert [label.value for label in beat_model(bundle_of(beat)).labels] == list("NSVF")
    assert (
        rhythm_model(bundle_of(rhythm)).n_state == bundle_of(rhythm).manifest.inputs["state"][0]
    )
    assert beat.refused == {}
    assert rhythm.refused == {}


def test_a_model_with_a_state_has_no_static_int8(rhythm: Exported) -> None:
    assert set(rhythm.manifest.gates) == {
        "model.fp32.onnx", "model.fp32.tflite", "model.int8.tflite",
    }  # fmt: skip


@pytest.mark.parametrize("runtime", ["onnxruntime", "litert"])
def test_a_stream_with_carried_state_equals_the_whole_record(
    rhythm: Exported, runtime: Runtime
) -> None:
    n_hops = 110
    x = signal(n_hops * 25)
    model = load_model(bundle_of(rhythm), runtime=runtime, precision="fp32")
    state = np.zeros((1, rhythm.manifest.inputs["state"][0]), np.float32)
    told = []
    for hop in range(n_hops):
        answer = model.run({"signal": x[None, hop * 25 : (hop + 1) * 25], "state": state})
        state = np.asarray(answer["next_state"])
        told.append(answer["probability"][0])
    with torch.no_grad():
        logits = trained(Task.ECG_RHYTHM).model(torch.from_numpy(x[None, None]))
    whole = torch.softmax(logits / 1.25, 1)[0].T.numpy()
    np.testing.assert_allclose(np.stack(told), whole, atol=1e-4)


@pytest.mark.parametrize("task", ["beat", "rhythm"])
def test_the_manifest_tells_what_was_gated(task: str, request: pytest.FixtureRequest) -> None:
    exported: Exported = request.getfixturevalue(task)
    for name, gates in exported.manifest.gates.items():
        assert gates["score"] >= gates["score_fp32"] - 0.5
        assert gates["parity_max_abs"] <= (1e-4 if "fp32" in name else 1)
        if "int8" in name:
            assert exported.manifest.files[name].bytes <= 200_000
    figures = exported.manifest.figures
    assert figures["validation_f1"] == 81.5
    assert figures["mflop_per_s"] is not None
    assert figures["mflop_per_s"] > 0.01


@pytest.mark.parametrize("task", ["beat", "rhythm"])
def test_files_tell_nothing_of_the_machine(task: str, request: pytest.FixtureRequest) -> None:
    exported: Exported = request.getfixturevalue(task)
    here = str(Path(__file__).parents[3]).encode()
    for path in exported.path.iterdir():
        content = path.read_bytes()
        assert here not in content
        assert b".py" not in content


def test_the_card_can_be_read(beat: Exported, rhythm: Exported) -> None:
    for exported, said in ((beat, "ectopic"), (rhythm, "atrial fibrillation")):
        text = (exported.path / "card.md").read_text()
        assert NOT_A_DEVICE in text
        assert said in text
        assert "81.50" in text
        assert "made-up" in text
        assert "$" not in text
        assert "has not been evaluated" in text
        for name in exported.manifest.gates:
            assert f"`{name}`" in text


def test_the_same_run_gives_the_same_bytes(rhythm: Exported, tmp_path: Path) -> None:
    again = export_run(
        trained(Task.ECG_RHYTHM),
        MadeUp(Task.ECG_RHYTHM),
        tmp_path / "again",
        say=lambda _: None,
    )
    for name in rhythm.manifest.gates:
        assert (again.path / name).read_bytes() == (rhythm.path / name).read_bytes(), name


def test_what_loses_accuracy_is_not_written_and_is_told(tmp_path: Path) -> None:
    said: list[str] = []
    validation = MadeUp(Task.ECG_BEAT, lost={"int8": 0.7})
    made = export_run(trained(Task.ECG_BEAT), validation, tmp_path / "b", say=said.append)
    assert set(made.refused) == {"model.int8.onnx", "model.int8.tflite"}
    assert all("accuracy" in why and "points are lost" in why for why in made.refused.values())
    assert sorted(path.name for path in made.path.glob("model*")) == [
        "model.fp32.onnx", "model.fp32.tflite",
    ]  # fmt: skip
    assert any("model.int8.onnx is not written: accuracy" in line for line in said)
    assert "Left out: `model.int8.tflite` (accuracy" in (made.path / "card.md").read_text()
    bundle_of(made)  # whole all the same


@pytest.mark.parametrize("what", ["another model", "no model", "too large"])
def test_a_file_that_is_wrong_is_not_written_and_is_told(
    what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def wrong(_: bytes) -> bytes:
        if what == "no model":
            return b"nothing"
        if what == "too large":
            return bytes(200_001)
        return formats.tflite_fp32(
            graph_of(Task.ECG_BEAT, trained(Task.ECG_BEAT, 9).model, 1.25, 4)
        )

    monkeypatch.setattr(formats, "tflite_int8", wrong)
    monkeypatch.setattr(formats, "onnx_int8", lambda *_: b"nothing")
    made = export_run(
        trained(Task.ECG_BEAT), MadeUp(Task.ECG_BEAT), tmp_path / "b", say=lambda _: None
    )
    told = {"another model": "parity: RMS", "no model": "runs:", "too large": "size: 200001"}
    assert made.refused["model.int8.tflite"].startswith(told[what])
    assert "LiteRT" in made.refused["model.int8.tflite"] or what != "no model"
    assert made.refused["model.int8.onnx"].startswith("runs:")
    assert not (made.path / "model.int8.tflite").exists()


def test_nothing_is_written_where_nothing_passes(beat: Exported, tmp_path: Path) -> None:
    out = tmp_path / "b"
    shutil.copytree(beat.path, out)
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    bad = MadeUp(Task.ECG_BEAT, lost={"fp32": math.nan, "int8": math.nan})
    with pytest.raises(InputError, match="no file passed its gates, nothing is written"):
        export_run(trained(Task.ECG_BEAT), bad, out, say=lambda _: None)
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before
    assert [path.name for path in tmp_path.iterdir()] == ["b"]


def test_a_new_card_over_the_same_files(beat: Exported, tmp_path: Path) -> None:
    out = tmp_path / "b"
    shutil.copytree(beat.path, out)
    figures = {"VEB.se": Figure(96.5, 90.25, 98.0), "SVEB.se": Figure(71.0)}
    told = Evaluation(figures, ("Beats: some.",))
    made = rewrite(trained(Task.ECG_BEAT), Task.ECG_BEAT, out, version=3, evaluated=told)
    assert made.manifest.gates == beat.manifest.gates
    assert made.manifest.version == 3
    assert made.manifest.figures["VEB.se_low"] == 90.25
    assert "SVEB.se_low" not in made.manifest.figures
    text = (out / "card.md").read_text()
    assert "| ventricular ectopic beats found | 96.50 | 90.25 to 98.00 |" in text
    assert "Beats: some." in text
    assert "has not been evaluated" not in text
    bundle_of(made)


@pytest.mark.parametrize("change", ["weights", "temperature"])
def test_a_new_card_is_not_put_over_another_runs_files(
    beat: Exported, change: str, tmp_path: Path
) -> None:
    out = tmp_path / "b"
    shutil.copytree(beat.path, out)
    other = (
        trained(Task.ECG_BEAT, 8)
        if change == "weights"
        else colder(trained(Task.ECG_BEAT), 1.5)
    )
    before = (out / "manifest.json").read_bytes()
    with pytest.raises(InputError, match="another run or calibration"):
        rewrite(other, Task.ECG_BEAT, out, version=2, evaluated=NOT_EVALUATED)
    assert (out / "manifest.json").read_bytes() == before


@pytest.mark.parametrize("there", ["file", "folder", "link"])
def test_what_is_no_bundle_is_never_replaced(there: str, tmp_path: Path) -> None:
    out = tmp_path / "out"
    if there == "file":
        out.write_text("mine")
    elif there == "folder":
        out.mkdir()
        (out / "mine").write_text("mine")
    else:
        out.symlink_to(tmp_path)
    with pytest.raises(InputError, match="give another --out"):
        export_run(trained(Task.ECG_BEAT), MadeUp(Task.ECG_BEAT), out, say=lambda _: None)
    assert out.is_symlink() or out.read_text() == "mine" if there != "folder" else True
    assert not list(tmp_path.glob(".part-*"))


def test_labels_that_do_not_fit_the_model_are_told(tmp_path: Path) -> None:
    one = trained(Task.ECG_BEAT)
    wrong = replace(one, facts={**one.facts, "labels": ["N", "S", "V"]})
    with pytest.raises(InputError, match="has 3 labels, its model tells 4"):
        export_run(wrong, MadeUp(Task.ECG_BEAT), tmp_path / "b", say=lambda _: None)
    assert exporting.N_PARITY >= 100
