"""Runs in a Python that has numpy 1 and tflite_runtime, and nothing else of the gateway's.

Usage: old_runtime.py FOLDER. The folder holds `asked.json` (a list of cases) and arrays; what
the models answer is written beside them.
"""

import json
import sys
from pathlib import Path

import numpy as np

from edge.runtimes.base import GraphShapes
from edge.runtimes.litert import LiteRtModel, interpreter_class


def main(folder: Path) -> None:
    assert interpreter_class().__module__ == "tflite_runtime.interpreter"
    for case in json.loads((folder / "asked.json").read_text()):
        inputs = {key: np.load(folder / name) for key, name in case["inputs"].items()}
        shapes = GraphShapes(
            {key: tuple(value.shape[1:]) for key, value in inputs.items()},
            {key: tuple(shape) for key, shape in case["outputs"].items()},
        )
        content = Path(case["file"]).read_bytes()
        model = LiteRtModel(content, shapes, case["file"], name=case["name"], precision="?")
        for key, value in model.run(inputs).items():
            np.save(folder / f"{case['name']}.{key}.npy", value)
    print(json.dumps({"numpy": np.__version__, "modules": sorted(sys.modules)}))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
