"""Small models with random weights, exported once a session: it takes some seconds."""

import pytest

from tests.edge.runtimes.small import Small, step_model, window_model


@pytest.fixture(scope="session")
def window(tmp_path_factory: pytest.TempPathFactory) -> Small:
    return window_model(tmp_path_factory.mktemp("window") / "files")


@pytest.fixture(scope="session")
def step(tmp_path_factory: pytest.TempPathFactory) -> Small:
    return step_model(tmp_path_factory.mktemp("step") / "files")
