"""Which models a command runs: bundles that a person names, the shipped ones for the rest."""

from collections.abc import Sequence
from pathlib import Path

from edge.config import ModelSettings
from edge.models import TASKS, LoadedModels, bundle_models, shipped_bundles
from vitalwire.bundle import Bundle, Trust, load_bundle
from vitalwire.errors import InputError


def chosen_bundles(paths: Sequence[Path] | None = None) -> list[Bundle]:
    """The bundles in these folders, and the shipped ones of the tasks that are not among them.

    On a workstation a bundle needs no signature: its files must be what its manifest says.

    Parameters
    ----------
    paths : sequence of Path, optional
        At most one for each task.

    Raises
    ------
    BundleError, InputError
        One is not whole, two are for one task, or one is for a task that no gateway has.
    """
    named = [load_bundle(path, trust=Trust.of_anybody()) for path in paths or ()]
    tasks = [bundle.manifest.task for bundle in named]
    for task in tasks:
        if tasks.count(task) > 1:
            raise InputError(f"--bundle: expected one for each task, got two for {task}")
        if task not in TASKS:
            raise InputError(f"--bundle: expected one for {' or '.join(TASKS)}, got {task}")
    return [*named, *shipped_bundles(task for task in TASKS if task not in tasks)]


def chosen_models(
    paths: Sequence[Path] | None = None, choice: ModelSettings | None = None
) -> LoadedModels:
    """The models of `chosen_bundles`, loaded with the settings of `choice`.

    Raises
    ------
    BundleError, InputError
        As `chosen_bundles`; or one cannot be run.
    """
    return bundle_models(chosen_bundles(paths), choice)
