"""The models that a gateway runs: from its settings, or as the release ships them.

A bundle that must not be run (altered, not trusted, of another interface) does not keep the
gateway down: it runs without that model, and the alarm MODEL_FAILED says so until somebody
has mended it. Only a bundle that the settings name by its path is an error at the start.
"""

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from edge.bundle_store import SHIPPED_FOLDER, BundleStore
from edge.config import EdgeSettings, ModelSettings
from edge.ecg_manifests import ecg_models
from edge.eeg_manifests import eeg_models
from edge.inference import Model
from edge.pipeline.gateway import NO_EEG_MODELS, NO_MODELS
from edge.pipeline.models import EcgModels, EegModels
from edge.runtimes.base import RuntimeModel
from edge.runtimes.loading import load_model
from vitalwire.bundle import Bundle, Task, load_bundle
from vitalwire.errors import BundleError, InputError

log = logging.getLogger(__name__)

TASKS: Final = (Task.ECG_BEAT, Task.ECG_RHYTHM, Task.EEG_SEIZURE)


@dataclass(frozen=True, slots=True)
class RunningBundle:
    """A bundle that runs, as the gateway's status tells of it."""

    task: str
    version: int
    digest12: str  # start of the manifest's sha256
    trusted_by: str
    runtime: str
    precision: str
    provider: str
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LoadedModels:
    """Models that are ready to be asked, and what the pipeline must know of them."""

    models: Mapping[str, Model] = field(default_factory=dict)
    ecg: EcgModels = NO_MODELS
    bundles: tuple[RunningBundle, ...] = ()
    problems: Mapping[str, str] = field(default_factory=dict)  # task: why it does not run
    record_label: Mapping[str, Sequence[float]] = field(default_factory=dict)  # its weights
    eeg: EegModels = NO_EEG_MODELS


NOTHING: Final = LoadedModels()
"""No models: beats are found, not classified; nobody watches for seizures."""


def load_models(settings: EdgeSettings, shipped: Path = SHIPPED_FOLDER) -> LoadedModels:
    """What a gateway's settings ask for, as far as it may be run.

    Parameters
    ----------
    settings : EdgeSettings
    shipped : Path
        Where the release has its bundles.

    Raises
    ------
    BundleError, InputError
        A bundle that the settings name by its path cannot be run.
    """
    loaded: list[tuple[Bundle, RuntimeModel]] = []
    problems: dict[str, str] = {}
    store = BundleStore(settings.data_dir, shipped)
    for task in TASKS:
        choice = _choice(settings.models, task)
        try:
            bundle = _find(store, task, choice)
            if bundle is not None:
                loaded.append(_load(bundle, settings.models))
        except (BundleError, InputError) as error:
            if choice != "auto":
                raise
            problems[task.value] = str(error)
            log.error("a model is not run", extra={"task": task.value, "why": str(error)})
    return _together(loaded, problems)


def shipped_bundles(
    tasks: Iterable[Task] = TASKS, folder: Path = SHIPPED_FOLDER
) -> list[Bundle]:
    """The bundles of the release; what it has not is left out.

    Raises
    ------
    BundleError
        One is not what was pinned.
    """
    store = BundleStore(folder, folder)
    found = [store.shipped(task) for task in tasks]
    return [bundle for bundle in found if bundle is not None]


def shipped_models(choice: ModelSettings | None = None) -> LoadedModels:
    """The models of the release, for what runs beside a gateway: analyze, demo, evaluate.

    Parameters
    ----------
    choice : ModelSettings, optional
        Runtime, precision, provider and threads.

    Raises
    ------
    BundleError, InputError
        A bundle is not what was pinned, or there is no runtime for it.
    """
    return bundle_models(shipped_bundles(), choice)


def bundle_models(
    bundles: Iterable[Bundle], choice: ModelSettings | None = None
) -> LoadedModels:
    """The models of these bundles, at most one for each task.

    Raises
    ------
    BundleError, InputError
        One cannot be run.
    """
    return _together([_load(bundle, choice or ModelSettings()) for bundle in bundles], {})


def _choice(settings: ModelSettings, task: Task) -> str:
    return {
        Task.ECG_BEAT: settings.ecg_beat,
        Task.ECG_RHYTHM: settings.ecg_rhythm,
        Task.EEG_SEIZURE: settings.eeg_seizure,
    }[task]


def _find(store: BundleStore, task: Task, choice: str) -> Bundle | None:
    if choice == "off":
        log.info("a model is switched off", extra={"task": task.value})
        return None
    if choice != "auto":
        return load_bundle(Path(choice), trust=store.trust(), task=task)
    bundle = store.load(task)
    if bundle is None:
        log.warning("no bundle is shipped or installed", extra={"task": task.value})
    return bundle


def _load(bundle: Bundle, choice: ModelSettings) -> tuple[Bundle, RuntimeModel]:
    ecg_models([bundle])  # before a runtime has it: a graph of another interface says less
    eeg_models([bundle])
    model = load_model(
        bundle,
        runtime=choice.runtime,
        precision=choice.precision,
        provider=choice.provider,
        threads=choice.threads,
    )
    told = {"runtime": model.runtime, "precision": model.precision, "provider": model.provider}
    log.info("model loaded", extra={"bundle": bundle.name, **told})
    for note in model.notes:
        log.warning("a model runs otherwise than asked", extra={"note": note})
    return bundle, model


def _together(
    loaded: list[tuple[Bundle, RuntimeModel]], problems: Mapping[str, str]
) -> LoadedModels:
    return LoadedModels(
        {model.name: model for _, model in loaded},
        ecg_models(bundle for bundle, _ in loaded),
        tuple(_running(bundle, model) for bundle, model in loaded),
        problems,
        next((one.manifest.record_label for one, _ in loaded if one.manifest.record_label), {}),
        eeg_models(bundle for bundle, _ in loaded),
    )


def _running(bundle: Bundle, model: RuntimeModel) -> RunningBundle:
    return RunningBundle(
        task=bundle.manifest.task.value,
        version=bundle.manifest.version,
        digest12=bundle.digest[:12],
        trusted_by=bundle.trusted_by,
        runtime=model.runtime,
        precision=model.precision,
        provider=model.provider,
        notes=model.notes,
    )
