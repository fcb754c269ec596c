"""The model files stay, manifest and card are made anew: after an evaluation of the bundle."""

from pathlib import Path

from training.export.card import Evaluation
from training.export.export_run import (
    Exported,
    Made,
    Trained,
    manifest_fields,
    write_bundle,
)
from training.export.gates import Verdict, open_file, parity
from training.export.graphs import graph_of
from vitalwire.bundle import Task, Trust, load_bundle
from vitalwire.errors import InputError


def rewrite(
    trained: Trained,
    task: Task,
    out: Path,
    *,
    version: int,
    evaluated: Evaluation,
) -> Exported:
    """Manifest and card of the bundle in `out` from the run that it was made of.

    Raises
    ------
    BundleError, InputError
        There is no bundle, it is not whole, or its files are those of another run.
    """
    bundle = load_bundle(out, trust=Trust.of_anybody(), task=task)
    facts = trained.facts
    graph = graph_of(task, trained.model, facts["temperature"], len(facts["labels"]))
    example = zip(graph.shapes.inputs, graph.example(64), strict=True)
    inputs = {key: value.numpy() for key, value in example if key != "state"}
    kept = []
    for name, gates in bundle.manifest.gates.items():
        entry = bundle.manifest.files[name]
        assert entry.runtime is not None
        assert entry.precision is not None
        content = bundle.read(out / name)
        if entry.precision == "fp32":
            # Noise serves to tell whether it is the same model; int8 is off by more on it.
            file = open_file(content, entry.runtime, entry.precision, graph)
            failure = parity(graph, file, inputs).failure("fp32")
            if failure:
                raise InputError(
                    f"{out / name} is of another run or calibration ({failure}): export "
                    "without --keep-files"
                )
        kept.append(Made(entry.runtime, entry.precision, content, Verdict(None, dict(gates))))
    fields = manifest_fields(trained, graph, version, evaluated)
    fields["gates"] = {one.name: one.verdict.figures for one in kept}
    return write_bundle(out, fields, kept, evaluated, {})
