"""Where only `tflite_runtime` can be had (32-bit ARM), it answers as onnxruntime does.

It is run for real, in a virtual environment of its own: it needs numpy 1.
"""

import json
import os
import subprocess
import sys
import venv
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge.runtimes.loading import load_model
from tests.edge.runtimes import old_runtime
from tests.edge.runtimes.small import Small, largest_difference, make_bundle
from vitalwire.contracts import Arrays

PACKAGES = ("tflite-runtime==2.14.0", "numpy==1.26.4")
ROOT = Path(__file__).parents[3]
N_ROWS = 5

pytestmark = pytest.mark.slow


@pytest.fixture(scope="session")
def old_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An interpreter that has these packages and nothing else."""
    if sys.version_info[:2] != (3, 11):
        pytest.skip("tflite-runtime 2.14.0 has wheels for Python 3.11 at most")
    folder = tmp_path_factory.mktemp("old") / "venv"
    venv.create(folder, with_pip=True)
    python = folder / "bin" / "python"
    done = subprocess.run(
        [python, "-m", "pip", "install", "--quiet", "--only-binary=:all:", *PACKAGES],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        pytest.skip(f"{PACKAGES[0]} cannot be installed here: {done.stderr.strip()[-300:]}")
    return python


def run_old(python: Path, folder: Path) -> dict[str, Any]:
    """Let it answer what `folder` asks."""
    done = subprocess.run(
        [python, old_runtime.__file__, folder],
        capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return told


def asked(folder: Path, small: Small, kind: str, name: str) -> dict[str, Any]:
    """A case of `asked.json`, with its inputs on the disk."""
    names = {key: f"{name}.in.{key}.npy" for key in small.shapes.inputs}
    for key, value in small.inputs(N_ROWS).items():
        np.save(folder / names[key], value)
    return {
        "name": name,
        "file": str(small.files[kind]),
        "inputs": names,
        "outputs": {key: list(shape) for key, shape in small.shapes.outputs.items()},
    }


def answered(folder: Path, small: Small, name: str) -> Arrays:
    return {key: np.load(folder / f"{name}.{key}.npy") for key in small.shapes.outputs}


def test_it_answers_as_onnxruntime_does(
    old_python: Path, window: Small, step: Small, tmp_path: Path
) -> None:
    """In fp32 to rounding; in int8, of the recipe that it can read, as `ai_edge_litert`."""
    smalls = {"window": window, "step": step}
    cases = [
        asked(tmp_path, small, kind, f"{name}-{kind}")
        for name, small in smalls.items()
        for kind in ("tflite", "int8")
    ]
    (tmp_path / "asked.json").write_text(json.dumps(cases))
    told = run_old(old_python, tmp_path)
    assert told["numpy"] == "1.26.4"
    assert {"onnxruntime", "ai_edge_litert", "torch", "pydantic"}.isdisjoint(told["modules"])
    for name, small in smalls.items():
        bundle = make_bundle(tmp_path / name, small)
        inputs = small.inputs(N_ROWS)
        onnx = load_model(bundle, runtime="onnxruntime").run(inputs)
        assert largest_difference(answered(tmp_path, small, f"{name}-tflite"), onnx) < 1e-5
        new = load_model(bundle, runtime="litert", precision="int8").run(inputs)
        old = answered(tmp_path, small, f"{name}-int8")
        assert largest_difference(old, new) < 1e-3
        assert 1e-6 < largest_difference(old, onnx) < 0.1


def test_the_default_recipe_would_have_been_wrong_in_silence(
    old_python: Path, window: Small, tmp_path: Path
) -> None:
    """Why int8 is exported as it is: if this ever passes for the default, the other can go."""
    from ai_edge_quantizer import quantizer, recipe

    path = tmp_path / "default.tflite"
    small = quantizer.Quantizer(str(window.files["tflite"]))
    small.load_quantization_recipe(recipe.dynamic_wi8_afp32())
    path.write_bytes(small.quantize().quantized_model)
    case = asked(tmp_path, window, "int8", "default") | {"file": str(path)}
    (tmp_path / "asked.json").write_text(json.dumps([case]))
    run_old(old_python, tmp_path)
    wrong = answered(tmp_path, window, "default")
    right = window.answer(window.inputs(N_ROWS))
    assert np.ptp(right["probability"], axis=0).max() > 0.01  # asked for different things
    assert np.ptp(wrong["probability"], axis=0).max() < 1e-3  # all are answered alike
