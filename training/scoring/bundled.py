"""The gateway with the models of bundles: what the `evaluate` commands score."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from edge.config import ModelSettings
from edge.models import TASKS, LoadedModels, bundle_models, shipped_bundles
from edge.offline import analyze, chunks_of, records_of
from edge.pipeline.beat_classes import label_of
from edge.pipeline.models import BEAT_MODEL
from edge.results import events_of
from edge.stages.own_beats import OwnBeats
from training.datasets.beats import windows_of
from vitalwire.bundle import Bundle, Task, Trust, load_bundle
from vitalwire.contracts import BeatClass, Event
from vitalwire.errors import BundleError, InputError

_BATCH: Final = 256  # beats a call
FOLDS: Final = "folds.json"
SEIZURE_FOLDS: Final = "folds-seizure.json"  # what training said of the folds
DIGESTS: Final = "digests.json"


@dataclass(frozen=True, slots=True)
class BundledGateway:
    """The pipeline that ships, and models to ask."""

    loaded: LoadedModels
    names: Mapping[str, str]

    @property
    def bundles(self) -> dict[str, str]:
        """Task to the name of its bundle, and what runs it."""
        return {
            one.task: f"{self.names[one.task]}, {one.runtime} {one.precision}"
            for one in self.loaded.bundles
        }

    @property
    def record_label(self) -> Mapping[str, Sequence[float]]:
        """Weights of the label of a whole recording."""
        return self.loaded.record_label

    def listen(self, x_mv: NDArray[np.float32], fs: float) -> list[Event]:
        """See `training.scoring.jobs.Gateway`."""
        records = records_of(chunks_of(x_mv[None, :], fs))
        return events_of(analyze(records, models=self.loaded.models, ecg=self.loaded.ecg))

    def classify(
        self,
        x_mv: NDArray[np.float32],
        fs: float,
        beats: NDArray[np.int64],
        p_af: NDArray[np.float32],
    ) -> NDArray[np.str_]:
        """See `training.scoring.jobs.Gateway`; Q throughout without a beat model."""
        model = self.loaded.ecg.beat
        labels = dict.fromkeys(beats.tolist(), BeatClass.Q.value)
        windows = windows_of(x_mv, fs, beats, p_af) if model else []
        own = OwnBeats(model.labels if model else ())
        for first in range(0, len(windows), _BATCH):
            part = windows[first : first + _BATCH]
            names = part[0].inputs
            inputs = {name: np.stack([one.inputs[name] for one in part]) for name in names}
            answers = self.loaded.models[BEAT_MODEL].run(inputs)["probability"]
            for one, probability in zip(part, answers, strict=True):
                assert model is not None
                said = own.push(one.inputs["beat"][0], probability)
                label, _ = label_of(model, said, one.p_af)
                labels[one.beat.detection.sample] = label.value
        return np.array([labels[sample] for sample in beats.tolist()], np.str_)


@dataclass(frozen=True, slots=True)
class Named:
    """A bundle that somebody named.

    On a workstation a bundle needs no signature: its files must be what its manifest says,
    and the manifest what `digest` says where one is noted.
    """

    task: Task
    path: Path
    digest: str = ""  # sha256 of its manifest

    def load(self) -> Bundle:
        """Check and load it.

        Raises
        ------
        BundleError
            Altered, of another task, not what was noted.
        """
        noted = Trust(pinned={self.task: self.digest})
        trust = noted if self.digest else Trust.of_anybody()
        return load_bundle(self.path, trust=trust, task=self.task)


@dataclass(frozen=True, slots=True)
class LoadBundles:
    """Loads the bundles that are named, and the shipped ones for the signal's other tasks."""

    task: Task  # for which there must be a bundle
    named: tuple[Named, ...] = ()
    runtime: str = "auto"
    precision: str = "auto"

    def __call__(self) -> BundledGateway:
        """Load; one thread a model, since workers run beside each other.

        Raises
        ------
        BundleError, InputError
            One cannot be run, or is of another task; there is none for `task`.
        """
        bundles = [one.load() for one in self.named]
        given = {one.task for one in self.named}
        beside = [task for task in TASKS if _is_eeg(task) == _is_eeg(self.task)]
        bundles += shipped_bundles([task for task in beside if task not in given])
        if self.task not in {one.manifest.task for one in bundles}:
            raise BundleError(
                f"no bundle for {self.task} is shipped with this release: name one by --bundle"
            )
        return BundledGateway(bundle_models(bundles, self._choice()), _names(bundles))

    def _choice(self) -> ModelSettings:
        asked = {"runtime": self.runtime, "precision": self.precision}
        try:
            return ModelSettings.model_validate({**asked, "threads": 1})
        except ValidationError as error:
            wrong = error.errors()[0]
            raise InputError(f"--{wrong['loc'][0]}: {wrong['msg']}") from None


def read_folds(folder: Path, base: LoadBundles) -> dict[str, LoadBundles]:
    """For each record, or person, the bundle of the base's task that has not seen it.

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
    others = tuple(one for one in base.named if one.task is not base.task)
    folds = {}
    for name, place in places.items():
        if Path(place).is_absolute() or ".." in Path(place).parts:
            raise InputError(f"{folder / FOLDS}: {name}: expected a folder in {folder}")
        if digests and place not in digests:
            raise InputError(f"{folder / DIGESTS}: expected the digest of {place} too")
        unseen = Named(base.task, folder / place, digests.get(place, ""))
        folds[name] = replace(base, named=(*others, unseen))
    return folds


def read_device_probe(folder: Path) -> float | None:
    """How often a probe on the folds' encoders was right about the recorder, percent.

    None: training has not said so, see `training.tasks.eeg_probe`.

    Raises
    ------
    InputError : there is such a file, but not of this form
    """
    path = folder / SEIZURE_FOLDS
    if not path.exists():
        return None
    try:
        told = json.loads(path.read_text(encoding="utf-8"))["device_probe"]
        return None if told is None else float(told)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise InputError(f"{path}: device_probe cannot be read ({error})") from None


def _names(bundles: Sequence[Bundle]) -> dict[str, str]:
    """As the report names them: what it is, and who stands for it."""
    return {one.manifest.task.value: f"{one.name}, {one.trusted_by}" for one in bundles}


def _is_eeg(task: Task) -> bool:
    return task is Task.EEG_SEIZURE


def _read_mapping(path: Path) -> dict[str, str]:
    try:
        fields = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read ({error})") from None
    if not isinstance(fields, dict) or not all(isinstance(v, str) for v in fields.values()):
        raise InputError(f"{path}: expected an object of texts, as {{name: folder}}")
    return fields
