"""The gateway with the models of bundles: what the `evaluate` commands score."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from edge.config import ModelSettings
from edge.models import TASKS, LoadedModels, bundle_models, shipped_bundles
from edge.offline import analyze, chunks_of, records_of
from edge.results import events_of
from vitalwire.bundle import Bundle, Task, Trust, load_bundle
from vitalwire.contracts import Event
from vitalwire.errors import BundleError, InputError

FOLDS: Final = "folds.json"
DIGESTS: Final = "digests.json"


@dataclass(frozen=True, slots=True)
class BundledGateway:
    """The pipeline that ships, and models to ask."""

    loaded: LoadedModels
    bundles: Mapping[str, str]
    record_label: Mapping[str, Sequence[float]] = field(default_factory=dict)

    def listen(self, x_mv: NDArray[np.float32], fs: float) -> list[Event]:
        """See `training.scoring.jobs.Gateway`."""
        records = records_of(chunks_of(x_mv[None, :], fs))
        return events_of(analyze(records, models=self.loaded.models, ecg=self.loaded.ecg))


@dataclass(frozen=True, slots=True)
class LoadBundles:
    """Loads bundles by their paths; the shipped ones for the tasks that are not named.

    On a workstation a bundle needs no signature: its files must be what its manifest says,
    and the manifest what `digest` says where one is given.
    """

    paths: tuple[tuple[Task, Path], ...] = ()
    digest: str = ""  # of the only bundle among `paths`, where somebody has noted it
    runtime: str = "auto"
    precision: str = "auto"

    def __call__(self) -> BundledGateway:
        """Load; one thread a model, since workers run beside each other.

        Raises
        ------
        BundleError, InputError
            One cannot be run, or is of another task.
        """
        bundles = [
            load_bundle(path, trust=self._trust(), task=task) for task, path in self.paths
        ]
        named = {task for task, _ in self.paths}
        bundles += shipped_bundles([task for task in TASKS if task not in named])
        choice = ModelSettings.model_validate(
            {"runtime": self.runtime, "precision": self.precision, "threads": 1}
        )
        loaded = bundle_models(bundles, choice)
        return BundledGateway(loaded, _names(bundles, loaded), _weights(bundles))

    def _trust(self) -> Trust:
        if not self.digest:
            return Trust.of_anybody()
        return Trust(pinned={Task.ECG_RHYTHM: self.digest})


def read_folds(folder: Path, base: LoadBundles) -> dict[str, LoadBundles]:
    """For each record the bundle that has not seen it.

    Parameters
    ----------
    folder : with `folds.json`, `{"418": "fold0"}`, and the bundles' folders; where there is a
        `digests.json`, `{"fold0": "<sha256 of its manifest>"}`, the bundles must be those

    Raises
    ------
    InputError : no such file, or not of this form
    """
    places = _read_mapping(folder / FOLDS)
    digests = _read_mapping(folder / DIGESTS) if (folder / DIGESTS).exists() else {}
    others = tuple(pair for pair in base.paths if pair[0] is not Task.ECG_RHYTHM)
    folds = {}
    for name, place in places.items():
        if Path(place).is_absolute() or ".." in Path(place).parts:
            raise InputError(f"{folder / FOLDS}: {name}: expected a folder in {folder}")
        if digests and place not in digests:
            raise InputError(f"{folder / DIGESTS}: expected the digest of {place} too")
        paths = (*others, (Task.ECG_RHYTHM, folder / place))
        digest = "" if others else digests.get(place, "")
        folds[name] = LoadBundles(paths, digest, base.runtime, base.precision)
    return folds


def require(load: LoadBundles, task: Task) -> None:
    """There must be a bundle for a task: without one, its command has nothing to score.

    Raises
    ------
    BundleError : none is shipped, and none was named
    """
    if task not in load().bundles:
        raise BundleError(
            f"no bundle for {task} is shipped with this release: name one with --bundle"
        )


def _names(bundles: Sequence[Bundle], loaded: LoadedModels) -> dict[str, str]:
    """As the report names them: what it is, who stands for it, and what runs it."""
    by_task = {bundle.manifest.task.value: bundle for bundle in bundles}
    return {
        one.task: f"{by_task[one.task].name}, {one.trusted_by}, {one.runtime} {one.precision}"
        for one in loaded.bundles
    }


def _weights(bundles: Sequence[Bundle]) -> dict[str, list[float]]:
    for bundle in bundles:
        if bundle.manifest.task is Task.ECG_RHYTHM:
            return dict(bundle.manifest.record_label)
    return {}


def _read_mapping(path: Path) -> dict[str, str]:
    try:
        fields = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read ({error})") from None
    if not isinstance(fields, dict) or not all(isinstance(v, str) for v in fields.values()):
        raise InputError(f"{path}: expected an object of texts, as {{name: folder}}")
    return fields
