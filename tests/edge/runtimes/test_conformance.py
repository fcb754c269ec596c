"""What holds in every runtime: torch's answers, whatever the batch; clear refusals."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge.inference import run_round
from edge.runtimes.base import RuntimeModel
from edge.runtimes.loading import RuntimeChoice, load_model
from tests.edge.runtimes.small import Small, largest_difference, make_bundle, run_alone
from vitalwire.bundle import Bundle, Task, Trust, load_bundle
from vitalwire.contracts import Arrays, InferenceRequest
from vitalwire.errors import BundleError, ContractError

RUNTIMES: Sequence[RuntimeChoice] = ("onnxruntime", "litert")


@dataclass(frozen=True)
class Loaded:
    """A small model in a runtime, beside what it was made of."""

    small: Small
    bundle: Bundle
    model: RuntimeModel


@pytest.fixture(params=["window", "step"])
def small(request: pytest.FixtureRequest) -> Small:
    found: Small = request.getfixturevalue(request.param)
    return found


@pytest.fixture(params=RUNTIMES)
def runtime(request: pytest.FixtureRequest) -> RuntimeChoice:
    chosen: RuntimeChoice = request.param
    return chosen


@pytest.fixture
def loaded(small: Small, runtime: RuntimeChoice, tmp_path: Path) -> Loaded:
    bundle = make_bundle(tmp_path / "bundle", small)
    return Loaded(small, bundle, load_model(bundle, runtime=runtime, precision="fp32"))


@pytest.mark.parametrize("n", [1, 3, 8])
def test_as_torch(loaded: Loaded, n: int) -> None:
    inputs = loaded.small.inputs(n)
    answers = loaded.model.run(inputs)
    assert {key: value.dtype for key, value in answers.items()} == dict.fromkeys(
        loaded.small.shapes.outputs, np.dtype(np.float32)
    )
    assert largest_difference(answers, loaded.small.answer(inputs)) < 1e-5


def test_the_batch_changes_nothing_and_may_change(loaded: Loaded) -> None:
    inputs = loaded.small.inputs(8, seed=3)
    alone = run_alone(loaded.model, inputs)
    for n in (8, 3, 1, 8):
        some = {key: value[:n] for key, value in inputs.items()}
        expected = {key: value[:n] for key, value in alone.items()}
        assert largest_difference(loaded.model.run(some), expected) < 1e-6


def test_in_litert_the_batch_changes_not_even_the_last_digit(
    small: Small, tmp_path: Path
) -> None:
    """So a replay gives what the daemon gave, however many devices it had at once."""
    model = load_model(make_bundle(tmp_path / "bundle", small), runtime="litert")
    inputs = small.inputs(8)
    assert largest_difference(model.run(inputs), run_alone(model, inputs)) == 0


def test_what_it_gave_stays(loaded: Loaded) -> None:
    """A state that is kept must not change under the next call."""
    first = loaded.model.run(loaded.small.inputs(2))
    kept = {key: value.copy() for key, value in first.items()}
    loaded.model.run(loaded.small.inputs(2, seed=5))
    assert largest_difference(first, kept) == 0


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_a_state_that_is_carried_is_as_in_torch(
    step: Small, runtime: RuntimeChoice, tmp_path: Path
) -> None:
    model = load_model(make_bundle(tmp_path / "b", step), runtime=runtime, precision="fp32")
    state = expected = np.zeros((3, *step.shapes.inputs["state"]), np.float32)
    for hop in range(50):
        signal = step.inputs(3, seed=hop)["signal"]
        answer = model.run({"signal": signal, "state": state})
        wanted = step.answer({"signal": signal, "state": expected})
        assert largest_difference(answer, wanted) < 1e-5
        state, expected = answer["next_state"], wanted["next_state"]


def test_int8_is_close(small: Small, tmp_path: Path) -> None:
    bundle = make_bundle(tmp_path / "bundle", small)
    model = load_model(bundle, runtime="litert")
    assert model.precision == "int8"
    inputs = small.inputs(8)
    difference = largest_difference(model.run(inputs), small.answer(inputs))
    assert 1e-6 < difference < 0.1


# --- inputs that are none -----------------------------------------------------------------


@pytest.mark.parametrize("change", ["missing", "too many", "short", "one row less", "no batch"])
def test_other_inputs_than_the_manifests(loaded: Loaded, change: str) -> None:
    inputs = dict(loaded.small.inputs(3))
    first, second = inputs
    match change:
        case "missing":
            del inputs[second]
        case "too many":
            inputs["more"] = inputs[first]
        case "short":
            inputs[first] = inputs[first][..., :-1]
        case "one row less":
            inputs[second] = inputs[second][:-1]
        case "no batch":
            inputs = {key: value[0] for key, value in inputs.items()}
    with pytest.raises(ContractError, match=f"{loaded.small.task}: expected"):
        loaded.model.run(inputs)
    assert np.isfinite(loaded.model.run(loaded.small.inputs(3))["probability"]).all()


@pytest.mark.parametrize("poison", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("which", [0, 1])
def test_what_is_not_finite_is_not_answered(loaded: Loaded, poison: float, which: int) -> None:
    """A runtime makes a class of it otherwise: relu(NaN) is 0 in one, NaN in the other."""
    inputs = {key: value.copy() for key, value in loaded.small.inputs(3).items()}
    clean = loaded.model.run(inputs)
    inputs[list(inputs)[which]][1].flat[-1] = poison
    answers = loaded.model.run(inputs)
    for key, value in answers.items():
        assert np.isnan(value[1]).all()
        np.testing.assert_allclose(value[[0, 2]], clean[key][[0, 2]], atol=1e-6)


def test_devices_in_one_round_get_their_own_answers(loaded: Loaded) -> None:
    inputs = loaded.small.inputs(5, seed=7)
    poisoned = {key: value.copy() for key, value in inputs.items()}
    next(iter(poisoned.values()))[2].flat[0] = np.nan

    def device(row: int) -> Any:
        asked = {key: value[row] for key, value in poisoned.items()}
        return (yield [InferenceRequest("m", f"w{row}", asked)])

    told: list[tuple[str, str]] = []
    answers = run_round(
        [device(row) for row in range(5)],
        {"m": loaded.model},
        lambda model, problem: told.append((model, problem)),
    )
    expected = loaded.small.answer(inputs)
    assert told == [("m", "1 of 5 answers are not finite")]
    for row, (answer,) in enumerate(answers):
        if row == 2:
            assert answer == {}
            continue
        assert largest_difference(answer, {k: v[row] for k, v in expected.items()}) < 1e-5


# --- bundles that are none ----------------------------------------------------------------


def test_a_file_that_was_altered(loaded: Loaded, runtime: RuntimeChoice) -> None:
    path = loaded.bundle.file(loaded.model.runtime, "fp32")  # type: ignore[arg-type]
    assert path is not None
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(BundleError, match=f"{path.name} is not what the manifest says"):
        load_model(loaded.bundle, runtime=runtime, precision="fp32")
    with pytest.raises(BundleError, match=f"{path.name} is not what the manifest says"):
        load_bundle(loaded.bundle.path, trust=Trust.of_anybody())


def test_a_bundle_of_another_task(loaded: Loaded) -> None:
    with pytest.raises(BundleError, match="expected one for eeg-seizure"):
        load_bundle(loaded.bundle.path, trust=Trust.of_anybody(), task=Task.EEG_SEIZURE)


@pytest.mark.parametrize("change", ["other shape", "one more", "one less"])
@pytest.mark.parametrize("side", ["inputs", "outputs"])
def test_a_manifest_that_the_graph_does_not_keep(
    small: Small, runtime: RuntimeChoice, tmp_path: Path, side: str, change: str
) -> None:
    shapes = {key: list(shape) for key, shape in getattr(small.shapes, side).items()}
    match change:
        case "other shape":
            shapes[next(iter(shapes))][-1] += 1
        case "one more":
            shapes["x"] = [1]
        case "one less":
            shapes.popitem()
    bundle = make_bundle(tmp_path / "bundle", small, changes={side: shapes})
    with pytest.raises(BundleError, match=f"{side[:-1]}.*the graph") as caught:
        load_model(bundle, runtime=runtime, precision="fp32")
    assert "the manifest" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("side", ["inputs", "outputs"])
def test_onnx_goes_by_names_whatever_their_order(
    small: Small, tmp_path: Path, side: str
) -> None:
    shapes = {key: list(shape) for key, shape in getattr(small.shapes, side).items()}
    turned = dict(reversed(shapes.items()))
    model = load_model(
        make_bundle(tmp_path / "turned", small, changes={side: turned}), runtime="onnxruntime"
    )
    inputs = small.inputs(3)
    expected = small.answer(inputs)
    assert (
        largest_difference(model.run(inputs), {key: expected[key] for key in model.run(inputs)})
        < 1e-5
    )
    renamed = {f"the_{key}": shape for key, shape in shapes.items()}
    with pytest.raises(BundleError, match="they must be the same"):
        load_model(
            make_bundle(tmp_path / "renamed", small, changes={side: renamed}),
            runtime="onnxruntime",
        )


@pytest.mark.parametrize("side", ["inputs", "outputs"])
def test_litert_goes_by_place_where_the_graph_has_no_names(
    small: Small, tmp_path: Path, side: str
) -> None:
    shapes = {key: list(shape) for key, shape in getattr(small.shapes, side).items()}
    turned = dict(reversed(shapes.items()))
    with pytest.raises(BundleError, match="the manifest says"):
        load_model(
            make_bundle(tmp_path / "turned", small, changes={side: turned}), runtime="litert"
        )
    renamed = {f"the_{key}": shape for key, shape in shapes.items()}
    model = load_model(
        make_bundle(tmp_path / "renamed", small, changes={side: renamed}),
        runtime="litert",
        precision="fp32",
    )
    asked, expected = small.inputs(3), small.answer(small.inputs(3))
    if side == "inputs":
        asked = {f"the_{key}": value for key, value in asked.items()}
    else:
        expected = {f"the_{key}": value for key, value in expected.items()}
    assert largest_difference(model.run(asked), expected) < 1e-5


@pytest.mark.parametrize("content", [b"", b"\0" * 64, b"not a graph"])
def test_a_file_that_is_no_graph(
    small: Small, runtime: RuntimeChoice, tmp_path: Path, content: bytes
) -> None:
    kind = "onnx" if runtime == "onnxruntime" else "tflite"
    path = tmp_path / small.files[kind].name
    path.write_bytes(content)
    other = Small(
        small.task, small.module, small.shapes, {kind: path}, small.labels, small.more
    )
    bundle = make_bundle(tmp_path / "bundle", other, (kind,))
    with pytest.raises(BundleError, match="cannot read it"):
        load_model(bundle, runtime=runtime)


# --- side by side -------------------------------------------------------------------------


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_two_models_at_once(
    window: Small, step: Small, runtime: RuntimeChoice, tmp_path: Path
) -> None:
    models = [
        (
            small,
            load_model(make_bundle(tmp_path / name, small), runtime=runtime, precision="fp32"),
        )
        for name, small in [("window", window), ("step", step)]
    ]

    def ask_often(small: Small, model: RuntimeModel) -> list[float]:
        asked: list[Arrays] = [small.inputs(1 + seed % 4, seed) for seed in range(40)]
        return [largest_difference(model.run(one), small.answer(one)) for one in asked]

    with ThreadPoolExecutor(2) as pool:
        worst = [max(found) for found in pool.map(lambda pair: ask_often(*pair), models)]
    assert max(worst) < 1e-5
