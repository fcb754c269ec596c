"""Bundles of small models with random weights, made once a session."""

from pathlib import Path

import pytest

from tests.edge.runtimes.small import make_bundle, step_model, window_model


@pytest.fixture(scope="session")
def beat_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("beat")
    return make_bundle(folder / "bundle", window_model(folder / "files")).path


@pytest.fixture(scope="session")
def rhythm_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("rhythm")
    return make_bundle(folder / "bundle", step_model(folder / "files")).path
