"""A run's folder on disk to a bundle's; for `vitalwire export`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, TypeAdapter, ValidationError

from edge.bundle_store import SHIPPED_FOLDER
from training import runs
from training.export.evaluated import read_evaluations
from training.export.export_run import Exported, Trained, export_run
from training.export.folder import check_target
from training.export.held_out import validation_of
from training.export.rewrite import rewrite
from training.run_folder import RunFolder
from vitalwire.bundle import Task, pin, read_manifest
from vitalwire.bundle.manifest import MANIFEST
from vitalwire.errors import InputError

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class _Facts:
    """What of a run's `facts.json` goes into a bundle."""

    labels: Annotated[list[str], Field(min_length=1)]
    temperature: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    thresholds: dict[str, float] = field(default_factory=dict)
    episodes: dict[str, dict[str, float]] = field(default_factory=dict)
    record_label: dict[str, list[float]] = field(default_factory=dict)
    figures: dict[str, float | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Provenance:
    """What of its `provenance.json`."""

    data: list[dict[str, str]]
    command: str
    git_revision: str


@dataclass(frozen=True, slots=True)
class Options:
    """How a bundle is made of a run."""

    version: int | None = None  # None: one more than what this checkout ships
    evaluated: tuple[Path, ...] = ()
    keep_files: bool = False
    ship: bool = False


def export_folder(
    path: Path, data: Path, out: Path | None, options: Options, say: Say
) -> Exported:
    """Export a run.

    Parameters
    ----------
    path : Path
        Its folder.
    data : Path
        The recordings; what was held out of them judges the files.
    out : Path, optional
        The bundle's folder.

    Raises
    ------
    InputError
        No finished run, altered or of another version; nothing is written then.
    """
    run = RunFolder(path)
    trained = read_trained(run)
    evaluated = read_evaluations(options.evaluated)
    task = task_name(run)
    if options.ship:
        if out is not None:
            raise InputError("--ship: the folder is edge/bundles/TASK: leave --out away")
        out = SHIPPED_FOLDER / task
    out = out or path / "bundle"
    check_target(out)
    version = options.version or (
        read_manifest(out)[0].version if options.keep_files else next_version(task)
    )
    if options.keep_files:
        made = rewrite(trained, task, out, version=version, evaluated=evaluated)
    else:
        validation = validation_of(run, data, say)
        made = export_run(
            trained, validation, out, version=version, evaluated=evaluated, say=say
        )
    if options.ship:
        pin(out, made.digest)
    return made


def read_trained(run: RunFolder) -> Trained:
    """What a bundle tells of a run.

    Raises
    ------
    InputError
        It is not finished, altered, or of another version.
    """
    config, facts, provenance = runs.config_of(run), run.facts, run.provenance
    try:
        model = runs.load_model(run)
    except RuntimeError:  # torch's word for weights of another model
        raise InputError(
            f"{run.path}: best.pt does not fit config.json: one of them was altered"
        ) from None
    _checked(run.path / "facts.json", _Facts, facts)
    _checked(run.path / "provenance.json", _Provenance, provenance)
    return Trained(
        model=model,
        architecture=config.task.model,
        facts=facts,
        data=provenance["data"],
        command=provenance["command"],
        git_revision=provenance["git_revision"],
        seed=config.seed,
    )


def _checked(path: Path, kind: type[Any], fields: Mapping[str, Any]) -> None:
    try:
        TypeAdapter(kind).validate_python(fields)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise InputError(
            f"{path}: {where}: {first['msg']}: it was altered, or is of another version"
        ) from None


def task_name(run: RunFolder) -> Task:
    """Which task a run is of."""
    return runs.name_of(runs.config_of(run))


def next_version(task: Task) -> int:
    """One more than the shipped bundle's: a gateway takes nothing older."""
    folder = SHIPPED_FOLDER / task
    return read_manifest(folder)[0].version + 1 if (folder / MANIFEST).exists() else 1
