"""Coverage against a plain set of samples."""

from hypothesis import given
from hypothesis import strategies as st

from edge.chunklog.coverage import Coverage


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(1, 8)), max_size=30))
def test_coverage_is_the_set_of_its_samples(chunks: list[tuple[int, int]]) -> None:
    coverage, there = Coverage(), set[int]()
    for first, n_samples in chunks:
        new = set(range(first, first + n_samples))
        assert coverage.add(first, n_samples) == (not new & there)
        if not new & there:
            there |= new
    assert coverage.n_samples == len(there)
    missing = [sample for first, n in coverage.gaps for sample in range(first, first + n)]
    whole = range(min(there), max(there)) if there else range(0)
    assert missing == [sample for sample in whole if sample not in there]
