"""The fuzzer in small: `make fuzz` runs it a million times."""

import pytest

from tests.fuzz.run import run


@pytest.mark.parametrize("seed", [1, 2])
def test_nothing_but_wire_errors_and_every_one_of_them(seed: int) -> None:
    fuzzer = run(2000, seed)
    assert fuzzer.counts["chunk", "accepted"] > 300
    assert sum(fuzzer.counts.values()) == 2000


def test_the_same_seed_gives_the_same_mutants() -> None:
    assert run(2000, 7).counts == run(2000, 7).counts
