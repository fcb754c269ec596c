"""Which models a command runs: bundles that a person names, the shipped ones for the rest."""

from collections.abc import Sequence
from pathlib import Path

from edge.config import ModelSettings
from edge.models import TASKS, LoadedModels, bundle_models, shipped_bundles
from vitalwire.bundle import Trust, load_bundle
from vitalwire.errors import InputError


def chosen_models(
    bundles: Sequence[Path] | None = None, choice: ModelSettings | None = None
) -> LoadedModels:
    """The models of these folders, and the shipped ones of the tasks that are not among them.

    On a workstation a bundle needs no signature: its files must be what its manifest says.

    Parameters
    ----------
    bundles : sequence of Path, optional
        At most one for each task.
    choice : ModelSettings, optional
        Runtime, precision, provider and threads.

    Raises
    ------
    BundleError, InputError
        One cannot be run, or two are for one task.
    """
    loaded = [load_bundle(path, trust=Trust.of_anybody()) for path in bundles or ()]
    tasks = [bundle.manifest.task for bundle in loaded]
    twice = next((task for task in tasks if tasks.count(task) > 1), None)
    if twice:
        raise InputError(f"--bundle: expected one for each task, got two for {twice}")
    return bundle_models([*loaded, *shipped_bundles(set(TASKS) - set(tasks))], choice)
