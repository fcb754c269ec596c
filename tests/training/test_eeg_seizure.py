"""Seizures from a folder of recordings to a bundle: runs, folds, export."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edge.eeg_manifests import seizure_model
from edge.stages.eeg_signal import N_HOP, N_LEADS_MAX
from tests.training.made_seizures import PATIENTS, PEOPLE, seizure_run, write_seizures
from training import runs
from training.datasets.eeg_windows import EegData, read_eeg_data
from training.eeg_folds import folds_of
from training.export.export_run import export_run
from training.export.from_run import read_trained
from training.export.gates import parity
from training.export.graphs import graph_of
from training.export.held_out import validation_of
from training.folds import FOLDS, ONE_OUT, train_folds
from training.loop import LAST
from training.run_folder import RunFolder
from training.scoring.bundled import SEIZURE_FOLDS, read_device_probe
from training.tasks.eeg_crops import MixConfig
from training.tasks.eeg_probe import device_probe
from training.tasks.eeg_seizure import SeizureTask, fitted_temperature, held_out_people
from training.tasks.eeg_streams import asked, logits_of
from training.tasks.fitting import softmax
from vitalwire.bundle import Task, Trust, load_bundle
from vitalwire.errors import InputError

HELD_OUT = ["s18", "s22", "s23", "s27"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_seizures(tmp_path_factory.mktemp("eeg"))


@pytest.fixture(scope="module")
def data(folder: Path) -> EegData:
    return read_eeg_data(folder)


@pytest.fixture(scope="module")
def run(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    out = tmp_path_factory.mktemp("runs") / "run"
    return runs.start(Task.EEG_SEIZURE, seizure_run(), folder, out, "x", quiet)


def quiet(line: str) -> None:
    """Nobody listens."""


def weights(run: RunFolder) -> dict[str, list[float]]:
    return {key: value.tolist() for key, value in run.load(LAST)["model"].items()}


class TestRuns:
    def test_an_interrupted_run_ends_as_if_it_had_not_been(
        self, folder: Path, run: RunFolder, tmp_path: Path
    ) -> None:
        """And so two runs of one seed agree to the last digit."""

        def dies(line: str) -> None:
            if line.startswith("epoch 1 "):
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            runs.start(Task.EEG_SEIZURE, seizure_run(), folder, tmp_path / "cut", "x", dies)
        cut = runs.resume(tmp_path / "cut", folder, quiet)
        assert weights(cut) == weights(run)
        assert (cut.history(), cut.facts) == (run.history(), run.facts)

    def test_facts_are_those_of_a_bundle(self, run: RunFolder) -> None:
        facts = run.facts
        assert facts["labels"] == ["background", "seizure"]
        assert facts["temperature"] >= 1.0
        assert set(facts["episodes"]["seizure"]) == {
            "enter", "leave", "mean_s", "least_s", "end_s",
        }  # fmt: skip
        assert facts["figures"]["validation_hours"] == pytest.approx(4 * 30 / 3600, rel=0.02)

    def test_a_seizure_that_was_learned_from_is_no_figure(self, data: EegData) -> None:
        """Where somebody with one is held out, it is."""
        few = SeizureTask(seizure_run().task, data)
        assert "validation_seizures" not in few.facts(few.build().eval())["figures"]
        more = [
            replace(one, patient=f"p{number}")
            for number in range(25)
            for one in data.of(["chb01"])
        ]
        many = SeizureTask(seizure_run().task, EegData([*data.windows, *more]))
        assert many.facts(many.build().eval())["figures"]["validation_seizures"] >= 2

    def test_what_is_configured_is_not_chosen(self, data: EegData) -> None:
        rule = {"enter": 0.9, "leave": 0.4, "mean_s": 5.0, "least_s": 3.0, "end_s": 9.0}
        config = replace(seizure_run().task, temperature=2.5, episodes={"seizure": rule})
        task = SeizureTask(config, data)
        facts = task.facts(task.build().eval())
        assert (facts["temperature"], facts["episodes"]) == (2.5, {"seizure": rule})
        with pytest.raises(InputError, match=r"task\.episodes: expected end_s, enter"):
            SeizureTask(replace(config, episodes={"seizure": {"enter": 0.5}}), data)
        with pytest.raises(InputError, match=r"task\.mix: there is nothing"):
            SeizureTask(replace(config, mix=MixConfig(0, 0, 0, 0, 0, 0)), data)

    def test_whom_a_run_leaves_it_never_sees(self, folder: Path, tmp_path: Path) -> None:
        left = runs.start(
            Task.EEG_SEIZURE, seizure_run(1), folder, tmp_path / "r", "x", quiet, ["chb01"]
        )
        assert runs.leave_of(left) == ["chb01"]
        with pytest.raises(InputError, match="chb77"):
            runs.start(
                Task.EEG_SEIZURE, seizure_run(), folder, tmp_path / "s", "x", quiet, ["chb77"]
            )

    def test_without_anybody_with_a_seizure_the_clips_are_learned_from(
        self, data: EegData
    ) -> None:
        SeizureTask(seizure_run().task, data.without(PATIENTS))
        quiet_only = EegData([one for one in data.windows if not one.ictal.any()])
        with pytest.raises(InputError, match="no seizure to learn from"):
            SeizureTask(seizure_run().task, quiet_only)

    def test_it_learns_what_the_made_up_seizures_are(self, data: EegData) -> None:
        import torch

        torch.manual_seed(1)
        task, rng = SeizureTask(seizure_run().task, data), np.random.default_rng(1)
        model = task.build()
        optimiser = torch.optim.Adam(model.parameters(), lr=1e-2)
        for _ in range(60):
            optimiser.zero_grad()
            task.loss(model, task.batch(rng, 0, 0)).backward()  # type: ignore[no-untyped-call]
            optimiser.step()
        assert task.validate(model.eval())["score"] > 90


class TestPeople:
    def test_who_is_held_out(self, data: EegData) -> None:
        assert held_out_people(data) == HELD_OUT

    def test_folds_never_mix_people(self, data: EegData) -> None:
        folds = folds_of(data)
        assert len(folds) == 5
        scored = [who for fold in folds for who in fold.scored]
        assert sorted(scored) == sorted([*PATIENTS, *PEOPLE])  # each of them once
        for fold in folds:
            assert set(fold.scored) <= set(fold.left)
            kept = data.without(fold.left)
            assert not {one.patient for one in kept.windows} & set(fold.left)
            assert len(set(fold.left) & set(PATIENTS)) == 1  # one is left out of every fold
            assert kept.with_seizures

    def test_folds_in_a_number(self, data: EegData) -> None:
        folds = folds_of(data, 2)
        assert [fold.left for fold in folds] == [fold.scored for fold in folds]
        with pytest.raises(InputError, match="at least two people with a seizure"):
            folds_of(data.without(["chb01"]))

    def test_the_folds_of_one_run(
        self, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("training.eeg_folds.LEAST_FOLDS", 2)
        out = tmp_path / "folds"
        report = train_folds(seizure_run(1, 1), folder, out, "x", quiet, ONE_OUT)
        places = json.loads((out / FOLDS).read_text())
        assert set(places) == {*PATIENTS, *PEOPLE}
        for person, name in places.items():
            bundle = load_bundle(out / name, trust=Trust.of_anybody(), task=Task.EEG_SEIZURE)
            assert seizure_model(bundle).n_state > 0
            assert person in runs.leave_of(RunFolder(out / name.removesuffix("-bundle")))
        figures = json.loads((out / SEIZURE_FOLDS).read_text())
        assert figures == json.loads(json.dumps(report.figures))
        assert read_device_probe(out) == figures["device_probe"]
        assert figures["seizures"] == 4
        assert figures["hours_of_others"] == pytest.approx(10 * 30 / 3600, rel=0.02)

        def never(line: str) -> None:
            raise AssertionError(line)

        train_folds(seizure_run(1, 1), folder, out, "x", never, ONE_OUT)  # all is there

    def test_the_probe_finds_a_device(self, data: EegData, run: RunFolder) -> None:
        """Here people with seizures have three leads, the others two: nothing else."""
        told = device_probe(runs.load_model(run), data)
        assert 0 <= told["balanced_accuracy"] <= 100
        assert told["n_people"] == 2
        assert device_probe(runs.load_model(run), data.without(["chb01"])) == {}


class TestExport:
    def test_hop_by_hop_a_window_is_what_torch_says_of_it(
        self, data: EegData, run: RunFolder
    ) -> None:
        model = runs.load_model(run)
        graph = graph_of(Task.EEG_SEIZURE, model, 2.0, 2)
        windows = [data.of(["chb01"])[0], data.of(["s18"])[0], data.of(["bonn"])[0]]
        told = asked(graph, windows, int(model.n_state))  # type: ignore[arg-type]
        for one, logits in zip(told, logits_of(model, windows), strict=True):
            np.testing.assert_allclose(one, softmax(logits / 2.0)[:, 1], atol=1e-5)

    def test_the_interface_of_the_gateway(
        self, folder: Path, run: RunFolder, tmp_path: Path
    ) -> None:
        said: list[str] = []
        only = ("model.fp32.onnx",)
        validation = validation_of(run, folder, said.append)
        made = export_run(
            read_trained(run), validation, tmp_path / "b", only=only, say=said.append
        )
        manifest = made.manifest
        assert (manifest.unit, manifest.fs_hz, manifest.signal) == ("uV", 128.0, "eeg")
        n_state = manifest.inputs["state"][0]
        assert manifest.inputs == {
            "signal": [N_LEADS_MAX, N_HOP], "good": [N_LEADS_MAX], "state": [n_state],
        }  # fmt: skip
        assert manifest.outputs == {
            "probability": [2], "leads": [N_LEADS_MAX], "next_state": [n_state],
        }  # fmt: skip
        assert manifest.gates["model.fp32.onnx"]["parity_max_abs"] < 1e-4
        bundle = load_bundle(made.path, trust=Trust.of_anybody(), task=Task.EEG_SEIZURE)
        assert seizure_model(bundle).rule.enter == manifest.episodes["seizure"]["enter"]
        card = (made.path / "card.md").read_text()
        assert "learned from few seizures" in card
        assert "6 recordings of 2 people, 4 seizures" in card

    def test_parity_sees_another_model(self, folder: Path, run: RunFolder) -> None:
        task = validation_of(run, folder, quiet)
        graph = graph_of(Task.EEG_SEIZURE, runs.load_model(run), 1.0, 2)
        colder = graph_of(Task.EEG_SEIZURE, runs.load_model(run), 3.0, 2)
        inputs = task.real_inputs(30)
        assert parity(graph, graph, inputs).max_abs == 0.0
        assert parity(graph, colder, inputs).max_abs > 1e-4

    def test_the_comparison_keeps_its_window_as_a_state(
        self, folder: Path, tmp_path: Path
    ) -> None:
        config = seizure_run(1, 1, "cnn1d")
        run = runs.start(Task.EEG_SEIZURE, config, folder, tmp_path / "c", "x", quiet)
        graph = graph_of(Task.EEG_SEIZURE, runs.load_model(run), 1.0, 2)
        assert graph.is_stateful
        (n_state,) = graph.shapes.inputs["state"]
        assert graph.shapes.inputs == {"signal": (32, 32), "good": (32,), "state": (n_state,)}
        told = {"probability": (2,), "leads": (32,), "next_state": (n_state,)}
        assert graph.shapes.outputs == told
        assert 0 <= validation_of(run, folder, quiet).score(graph) <= 100


def test_a_temperature_never_sharpens(data: EegData) -> None:
    """It is fitted on seizures that were learned from, where no better ones are there."""
    windows = data.of(["chb01"])
    sure = [
        np.where(w.ictal[:, None], [0.0, 9.0], [9.0, 0.0]).astype(np.float32) for w in windows
    ]
    assert fitted_temperature([one * 0.01 for one in sure], windows) == 1.0
    wrong = [one[:, ::-1] for one in sure]
    assert fitted_temperature(wrong, windows) > 5
