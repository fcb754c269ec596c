"""The four files of a model, as bytes. The same module gives the same bytes.

Each maker is slow to import what it needs, so it does so when it is called.
"""

import contextlib
import io
import logging
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch

from training.export.graphs import Graph
from training.export.unrolled import unrolled
from vitalwire.contracts import Arrays

OPSET: Final = 20
MAX_BATCH: Final = 4096
CALIBRATION_BATCH: Final = 64
QUANTISED: Final = ["Conv"]
"""What int8 ONNX computes in 8 bits. What follows the convolutions is small, and softmax and
the maximum that picks the activation need all digits."""


def onnx_fp32(graph: Graph) -> bytes:
    """For onnxruntime: any batch, the manifest's names."""
    batch = torch.export.Dim("batch", min=1, max=MAX_BATCH)
    example = graph.example(2)  # a batch of one would be taken for a constant
    with _quiet():
        program = torch.onnx.export(
            graph.module,
            example,
            dynamo=True,
            opset_version=OPSET,
            external_data=False,
            input_names=list(graph.shapes.inputs),
            output_names=list(graph.shapes.outputs),
            dynamic_shapes=tuple({0: batch} for _ in example),
            verbose=False,
        )
    assert program is not None
    return _stripped(program.model_proto)


def onnx_int8(fp32: bytes, calibration: Arrays) -> bytes:
    """Convolutions in 8 bits, unsigned activations: signed ones are slow on x86.

    Parameters
    ----------
    fp32 : bytes
        Of `onnx_fp32`.
    calibration : arrays, batch first
        Real signal, from which the range of each activation is taken.
    """
    import onnx
    from onnxruntime.quantization import (
        CalibrationDataReader,
        CalibrationMethod,
        QuantFormat,
        QuantType,
        quantize_static,
    )

    class Reader(CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            n = len(next(iter(calibration.values())))
            self._batches = iter(
                {key: value[at : at + CALIBRATION_BATCH] for key, value in calibration.items()}
                for at in range(0, n, CALIBRATION_BATCH)
            )

        def get_next(self) -> Any:
            return next(self._batches, None)

    with tempfile.TemporaryDirectory() as work, _quiet():
        before, after = Path(work) / "fp32.onnx", Path(work) / "int8.onnx"
        before.write_bytes(fp32)
        quantize_static(
            before,
            after,
            Reader(),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=QUANTISED,
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            calibrate_method=CalibrationMethod.MinMax,
        )
        return _stripped(onnx.load(after))


def tflite_fp32(graph: Graph) -> bytes:
    """For LiteRT: a batch of one, the manifest's names."""
    with tempfile.TemporaryDirectory() as work, _quiet():
        import litert_torch

        path = Path(work) / "model.tflite"
        names = list(graph.shapes.inputs)
        example = dict(zip(names, graph.example(1), strict=True))
        module = unrolled(graph.module)
        litert_torch.convert(module, tuple(example.values())).export(str(path))
        return path.read_bytes()


def tflite_int8(fp32: bytes) -> bytes:
    """Weights in 8 bits, activations scaled as they come: a state stays float.

    By the legacy recipe: the one that `tflite_runtime` 2.14 computes rightly.
    """
    with tempfile.TemporaryDirectory() as work, _quiet():
        from ai_edge_quantizer import quantizer, recipe

        path = Path(work) / "model.tflite"
        path.write_bytes(fp32)
        small = quantizer.Quantizer(str(path))
        small.load_quantization_recipe(recipe.dynamic_legacy_wi8_afp32())
        return bytes(small.quantize().quantized_model)


def _stripped(model: Any) -> bytes:
    """Without what the exporter tells of the machine that it ran on: paths, stack traces."""
    graphs = [model.graph]
    for graph in graphs:
        graph.doc_string = ""
        for part in (*graph.node, *graph.input, *graph.output, *graph.value_info):
            del part.metadata_props[:]
            part.doc_string = ""
        for tensor in graph.initializer:
            del tensor.metadata_props[:]
        del graph.metadata_props[:]
    model.doc_string = ""
    del model.metadata_props[:]
    for function in model.functions:
        del function.metadata_props[:]
    return bytes(model.SerializeToString(deterministic=True))


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Converters write pages about their own work to standard output, and warn of it."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            with contextlib.redirect_stderr(io.StringIO()):
                yield
    finally:
        logging.disable(before)


def in_rows(inputs: Arrays, rows: slice) -> Arrays:
    """Some rows of each input."""
    return {key: np.ascontiguousarray(value[rows]) for key, value in inputs.items()}
