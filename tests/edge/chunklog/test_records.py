"""Records as bytes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.chunklog.records import MAX_BODY_BYTES, Record, RecordKind, decode, encode
from vitalwire.errors import ContractError

RECORDS = st.builds(
    Record,
    st.sampled_from(RecordKind),
    st.integers(-(2**63), 2**63 - 1),
    st.text(st.characters(), max_size=40),  # surrogates too
    st.binary(max_size=200),
)


@given(RECORDS)
def test_a_record_comes_back(record: Record) -> None:
    assert decode(encode(record)) == record


@given(st.binary(max_size=60))
def test_foreign_bytes_are_a_record_or_a_value_error(body: bytes) -> None:
    try:
        record = decode(body)
    except ValueError:
        return
    assert decode(encode(record)) == record


@pytest.mark.parametrize(
    "record",
    [
        Record(RecordKind.MESSAGE, 0, "t", bytes(MAX_BODY_BYTES)),
        Record(RecordKind.MESSAGE, 0, "t" * 65536),
        Record(RecordKind.TICK, 1 << 63),
    ],
    ids=["payload", "topic", "time"],
)
def test_what_does_not_fit_is_refused(record: Record) -> None:
    with pytest.raises(ContractError):
        encode(record)
