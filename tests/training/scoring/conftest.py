"""Bundles of small models with random weights, made once a session, by who asks for one."""

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def beat_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from tests.edge.runtimes.small import make_bundle, window_model  # torch: it takes seconds

    folder = tmp_path_factory.mktemp("beat")
    return make_bundle(folder / "bundle", window_model(folder / "files")).path


@pytest.fixture(scope="session")
def rhythm_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from tests.edge.runtimes.small import make_bundle, step_model

    folder = tmp_path_factory.mktemp("rhythm")
    return make_bundle(folder / "bundle", step_model(folder / "files")).path
