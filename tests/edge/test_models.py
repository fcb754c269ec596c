"""From settings to models: what is run, what is not, and what is said of it."""

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from edge.bundle_store import BundleStore
from edge.config import EdgeSettings, ModelSettings
from edge.doctor import Finding, Verdict, examine
from edge.ecg_manifests import beat_model, rhythm_model
from edge.eeg_manifests import seizure_model
from edge.models import TASKS, LoadedModels, bundle_models, load_models, shipped_models
from edge.pipeline.models import EcgModels, EegModels
from tests.edge.runtimes.small import Small, largest_difference, make_bundle
from tests.servers import HOST, Mosquitto
from vitalwire.bundle import Task, pin, sign
from vitalwire.bundle.keys import make_key_pair
from vitalwire.contracts import BeatClass, Brain, Rhythm
from vitalwire.errors import BundleError, InputError
from vitalwire.settings import BrokerSettings

BEAT, RHYTHM, SEIZURE = Task.ECG_BEAT, Task.ECG_RHYTHM, Task.EEG_SEIZURE


@dataclass(frozen=True)
class Gateway:
    """A data folder, and what a release ships."""

    root: Path
    window: Small
    step: Small
    seizure: Small

    @property
    def shipped(self) -> Path:
        return self.root / "shipped"

    @property
    def data_dir(self) -> Path:
        return self.root / "data"

    def ship(self, small: Small, **changes: Any) -> str:
        bundle = make_bundle(self.shipped / small.task, small, changes=changes)
        pin(bundle.path, bundle.digest)
        return bundle.digest

    def signed(self, small: Small, version: int) -> Path:
        """A bundle from elsewhere, signed with a key that the site trusts."""
        keys = self.root / "keys"
        if not keys.exists():
            make_key_pair(keys)
        folder = self.root / f"{small.task}-{version}"
        make_bundle(folder, small, changes={"version": version})
        sign(folder, keys / "site-private.pem")
        return folder

    @property
    def public_key(self) -> Path:
        return self.root / "keys" / "site-public.pem"

    def load(self, **models: Any) -> LoadedModels:
        settings = EdgeSettings(data_dir=self.data_dir, models=ModelSettings(**models))
        return load_models(settings, self.shipped)


@pytest.fixture
def gateway(tmp_path: Path, window: Small, step: Small, seizure: Small) -> Gateway:
    (tmp_path / "data").mkdir()
    (tmp_path / "shipped").mkdir()
    return Gateway(tmp_path, window, step, seizure)


def told(loaded: LoadedModels) -> list[tuple[str, int, str]]:
    return [(one.task, one.version, one.digest12) for one in loaded.bundles]


def test_nothing_is_shipped_nothing_is_installed(
    gateway: Gateway, caplog: pytest.LogCaptureFixture
) -> None:
    loaded = gateway.load()
    assert (loaded.models, loaded.ecg, loaded.eeg) == ({}, EcgModels(), EegModels())
    assert (loaded.bundles, loaded.problems) == ((), {})
    assert caplog.messages == ["no bundle is shipped or installed"] * 3


def test_what_is_shipped_is_run(gateway: Gateway) -> None:
    every = (gateway.window, gateway.step, gateway.seizure)
    digests = [gateway.ship(small) for small in every]
    loaded = gateway.load()
    assert set(loaded.models) == {BEAT, RHYTHM, SEIZURE}
    assert told(loaded) == [
        (small.task, 1, digest[:12]) for small, digest in zip(every, digests, strict=True)
    ]
    assert loaded.ecg.beat is not None
    assert loaded.ecg.beat.labels == tuple(BeatClass)
    assert loaded.ecg.beat.thresholds == dict.fromkeys(set(BeatClass) - {BeatClass.N}, 0.3)
    assert loaded.ecg.rhythm is not None
    assert loaded.ecg.rhythm.digest == digests[1]
    assert loaded.ecg.rhythm.n_state == gateway.step.shapes.inputs["state"][0]
    assert {label: rule.enter for label, rule in loaded.ecg.rhythm.rules.items()} == {
        Rhythm.AF: 0.8,
        Rhythm.SHOCKABLE: 0.7,
    }
    assert loaded.eeg.seizure is not None
    assert loaded.eeg.seizure.labels == tuple(Brain)
    assert (loaded.eeg.seizure.n_state, loaded.eeg.seizure.digest) == (4, digests[2])
    assert (loaded.eeg.seizure.rule.enter, loaded.eeg.seizure.rule.end_s) == (0.6, 4.0)
    for small in every:
        inputs = small.inputs(3)
        answer = loaded.models[small.task].run(inputs)
        assert largest_difference(answer, small.answer(inputs)) < 0.1


def test_what_was_installed_is_run_until_it_is_rolled_back(gateway: Gateway) -> None:
    gateway.ship(gateway.window)
    store = BundleStore(gateway.data_dir, gateway.shipped)
    store.install(gateway.signed(gateway.window, 2), [gateway.public_key])
    assert [version for _, version, _ in told(gateway.load())] == [2]
    store.rollback(BEAT)
    assert [version for _, version, _ in told(gateway.load())] == [1]


def test_off_is_off(gateway: Gateway) -> None:
    gateway.ship(gateway.window)
    gateway.ship(gateway.step)
    loaded = gateway.load(ecg_beat="off")
    assert set(loaded.models) == {RHYTHM}
    assert loaded.ecg.beat is None
    assert loaded.problems == {}


@pytest.mark.parametrize("task", TASKS)
def test_what_was_altered_is_not_run_and_the_rest_is(gateway: Gateway, task: Task) -> None:
    for small in (gateway.window, gateway.step, gateway.seizure):
        gateway.ship(small)
    card = gateway.shipped / task / "card.md"
    card.write_text(card.read_text().replace("random", "proven"))
    loaded = gateway.load()
    assert set(loaded.models) == set(TASKS) - {task}
    assert set(loaded.problems) == {task}
    assert "card.md is not what the manifest says" in loaded.problems[task]
    assert (loaded.ecg.beat is None, loaded.ecg.rhythm is None) == (
        task == BEAT,
        task == RHYTHM,
    )


def test_an_installed_bundle_that_is_gone_is_no_reason_to_run_another(gateway: Gateway) -> None:
    gateway.ship(gateway.window)
    store = BundleStore(gateway.data_dir, gateway.shipped)
    change = store.install(gateway.signed(gateway.window, 2), [gateway.public_key])
    shutil.rmtree(change.bundle.path)
    loaded = gateway.load()
    assert loaded.models == {}
    assert set(loaded.problems) == {BEAT}


def test_a_bundle_by_its_path_has_to_be_trusted(gateway: Gateway) -> None:
    path = gateway.signed(gateway.window, 7)
    with pytest.raises(BundleError, match="no key is trusted"):
        gateway.load(ecg_beat=str(path))
    store = BundleStore(gateway.data_dir, gateway.shipped)
    store.keys.mkdir(parents=True)
    shutil.copy(gateway.public_key, store.keys / "site.pem")
    assert told(gateway.load(ecg_beat=str(path)))[0][:2] == (BEAT, 7)
    with pytest.raises(BundleError, match="expected one for ecg-rhythm"):
        gateway.load(ecg_rhythm=str(path))
    with pytest.raises(BundleError, match="is no bundle"):
        gateway.load(ecg_rhythm=str(gateway.root / "nowhere"))


@pytest.mark.parametrize(
    ("asked", "runs"),
    [
        ({}, ("litert", "int8")),
        ({"precision": "fp32"}, ("litert", "fp32")),
        ({"runtime": "onnxruntime"}, ("onnxruntime", "fp32")),
        ({"provider": "cuda"}, ("onnxruntime", "fp32")),
    ],
)
def test_runtime_and_precision(
    gateway: Gateway, asked: dict[str, str], runs: tuple[str, str]
) -> None:
    gateway.ship(gateway.window)
    (one,) = gateway.load(**asked).bundles
    assert (one.runtime, one.precision, one.provider) == (*runs, "cpu")


def test_a_precision_that_the_bundle_has_not(gateway: Gateway) -> None:
    gateway.ship(gateway.window)
    problems = gateway.load(runtime="onnxruntime", precision="int8").problems
    expected = "expected a model for onnxruntime in int8, it has onnxruntime fp32, litert fp32"
    assert expected in problems[BEAT]


@pytest.mark.parametrize("provider", ["cuda", "tensorrt"])
@pytest.mark.parametrize("runtime", ["auto", "litert"])
def test_a_provider_that_is_not_there_is_noted(
    gateway: Gateway, provider: str, runtime: str, caplog: pytest.LogCaptureFixture
) -> None:
    gateway.ship(gateway.window)
    (one,) = gateway.load(provider=provider, runtime=runtime).bundles
    assert one.provider == "cpu"
    (note,) = one.notes
    assert f"provider {provider} was asked for, cpu runs the model" in note
    assert "a model runs otherwise than asked" in caplog.messages


def test_the_shipped_models_of_this_release_can_be_run() -> None:
    loaded = shipped_models()
    assert {one.task for one in loaded.bundles} == set(loaded.models)
    assert loaded.problems == {}


# --- what the doctor says of them ---------------------------------------------------------


def verdict(gateway: Gateway, broker_port: int, **models: Any) -> Finding:
    settings = EdgeSettings(
        data_dir=gateway.data_dir,
        broker=BrokerSettings(host=HOST, port=broker_port),
        models=ModelSettings(**models),
    )
    return next(one for one in examine(settings) if one.check == "bundles")


def test_the_doctor_names_what_runs(gateway: Gateway, mosquitto: Mosquitto) -> None:
    store = BundleStore(gateway.data_dir)
    every = (gateway.window, gateway.step, gateway.seizure)
    paths = [gateway.signed(small, 8 + i) for i, small in enumerate(every)]
    store.keys.mkdir(parents=True)
    shutil.copy(gateway.public_key, store.keys)
    names = ("ecg_beat", "ecg_rhythm", "eeg_seizure")
    asked = dict(zip(names, map(str, paths), strict=True))
    found = verdict(gateway, mosquitto.port, **asked)
    assert found.verdict is Verdict.OK
    assert "ecg-beat 8 (" in found.detail
    assert "ecg-rhythm 9 (" in found.detail
    assert "eeg-seizure 10 (" in found.detail
    assert "in litert int8 on cpu" in found.detail
    noted = verdict(gateway, mosquitto.port, **asked, provider="cuda")
    assert noted.verdict is Verdict.WARN
    assert "cuda was asked for" in noted.detail
    off = verdict(gateway, mosquitto.port, **dict.fromkeys(names, "off"))
    assert off.verdict is Verdict.WARN
    assert "nobody watches for fibrillation" in off.detail
    assert "nobody watches for seizures" in off.detail


def test_the_doctor_fails_what_cannot_be_run(gateway: Gateway, mosquitto: Mosquitto) -> None:
    nowhere = verdict(gateway, mosquitto.port, ecg_beat=str(gateway.root / "nowhere"))
    assert (nowhere.verdict, "is no bundle" in nowhere.detail) == (Verdict.FAIL, True)
    store = BundleStore(gateway.data_dir)
    change = store.install(gateway.signed(gateway.window, 10**6), [gateway.public_key])
    assert change.bundle.file("litert", "int8") is not None
    (change.bundle.path / "model.int8.tflite").write_bytes(b"something else")
    damaged = verdict(gateway, mosquitto.port)
    assert damaged.verdict is Verdict.FAIL
    assert "ecg-beat: " in damaged.detail
    assert "altered or damaged" in damaged.detail


# --- manifests that the pipeline cannot use -----------------------------------------------


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"fs_hz": 250.0}, "125 Hz"),
        ({"unit": "uV"}, "of mV"),
        ({"labels": ["N", "S", "V", "F", "X"]}, "labels"),
        ({"labels": ["S", "V", "F", "Q"]}, "outputs"),
        ({"thresholds": {"S": 0.3, "V": 0.3}}, "thresholds"),
        ({"thresholds": {"S": 0.3, "V": 0.3, "F": 0.3, "Q": 0.0}}, "thresholds"),
        ({"thresholds": {"S": 0.3, "V": 0.3, "F": 0.3, "Q": 0.3, "N": 0.3}}, "thresholds"),
        ({"inputs": {"beat": [3, 99], "context": [12]}}, "inputs"),
        ({"inputs": {"beat": [3, 113]}}, "inputs"),
        ({"outputs": {"activation": [20], "probability": [5]}}, "outputs"),
    ],
)
def test_a_beat_model_for_another_gateway(
    window: Small, tmp_path: Path, changes: dict[str, Any], word: str
) -> None:
    bundle = make_bundle(tmp_path / "bundle", window, changes=changes)
    with pytest.raises(BundleError, match=word) as caught:
        beat_model(bundle)
    assert str(bundle.path) in str(caught.value)
    with pytest.raises(BundleError, match=word):
        bundle_models([bundle])


RULE = {"enter": 0.8, "leave": 0.4, "mean_s": 4.0, "least_s": 4.0, "end_s": 5.0}


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"inputs": {"signal": [32], "state": [132]}}, "inputs"),
        ({"inputs": {"signal": [25]}}, "inputs"),
        ({"outputs": {"probability": [5], "next_state": [9]}}, "outputs"),
        (
            {"labels": ["normal", "af", "other", "shockable", "nothing"], "episodes": {}},
            "labels",
        ),
        ({"episodes": {"af": {**RULE, "leave": 0.8}}}, "episodes.af"),
        ({"episodes": {"af": {**RULE, "enter": 1.5}}}, "episodes.af"),
        ({"episodes": {"af": {**RULE, "mean_s": 0.0}}}, "episodes.af"),
        ({"episodes": {"af": {**RULE, "end_s": -1.0}}}, "episodes.af"),
    ],
)
def test_a_rhythm_model_for_another_gateway(
    step: Small, tmp_path: Path, changes: dict[str, Any], word: str
) -> None:
    bundle = make_bundle(tmp_path / "bundle", step, changes=changes)
    with pytest.raises(BundleError, match=word):
        rhythm_model(bundle)


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"fs_hz": 256.0}, "uV at 128 Hz"),
        ({"unit": "mV"}, "of mV"),
        ({"inputs": {"signal": [32, 32], "state": [4]}}, "inputs"),
        ({"inputs": {"signal": [23, 32], "good": [23], "state": [4]}}, "inputs"),
        ({"outputs": {"probability": [2], "next_state": [4]}}, "outputs"),
        ({"outputs": {"probability": [2], "leads": [32], "next_state": [5]}}, "outputs"),
        ({"labels": ["background", "ictal"], "episodes": {}}, "labels"),
        ({"episodes": {}}, "episodes of a seizure"),
        ({"episodes": {"background": RULE}}, "episodes of a seizure"),
        ({"episodes": {"seizure": {**RULE, "leave": 0.9}}}, "episodes.seizure"),
    ],
)
def test_a_seizure_model_for_another_gateway(
    seizure: Small, tmp_path: Path, changes: dict[str, Any], word: str
) -> None:
    bundle = make_bundle(tmp_path / "bundle", seizure, changes=changes)
    with pytest.raises(BundleError, match=word) as caught:
        seizure_model(bundle)
    assert str(bundle.path) in str(caught.value)
    with pytest.raises(BundleError, match=word):
        bundle_models([bundle])


def test_a_runtime_that_is_not_installed(
    window: Small, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An import that finds nothing is all that a missing package is."""
    import sys

    bundle = make_bundle(tmp_path / "bundle", window)
    monkeypatch.setitem(sys.modules, "ai_edge_litert.interpreter", None)
    (fallen_back,) = bundle_models([bundle]).bundles
    assert fallen_back.runtime == "onnxruntime"
    with pytest.raises(InputError, match="ai_edge_litert is not installed"):
        bundle_models([bundle], ModelSettings(runtime="litert"))
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(InputError, match=r"litert.*onnxruntime is not installed"):
        bundle_models([bundle])
