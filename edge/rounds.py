"""Groups records into rounds: one record of a device at a time, many devices at once."""

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice

from edge.chunklog.records import Record
from edge.inference import Model, ToldOf, run_round
from edge.pipeline.gateway import Output, Pipeline, Refusal

Offset = int


def run_rounds(
    pipeline: Pipeline,
    records: Iterable[tuple[Offset, Record]],
    models: Mapping[str, Model],
    told_of: ToldOf | None = None,
) -> list[tuple[Offset, list[Output | Refusal]]]:
    """Process records in order; outputs by the record's offset, in the same order.

    A device's records never overlap. A record that concerns all (a tick) has a round of its
    own. `told_of` hears of every call of a model, see `run_round`.
    """
    done: list[tuple[Offset, list[Output | Refusal]]] = []
    group: dict[str, tuple[Offset, Record]] = {}

    def close() -> None:
        asking = [pipeline.process(record) for _, record in group.values()]
        outputs = run_round(asking, models, told_of)
        done.extend(zip([offset for offset, _ in group.values()], outputs, strict=True))
        group.clear()

    for offset, record in records:
        key = Pipeline.key(record)
        if key is None or key in group:
            close()
        group[key or ""] = (offset, record)
        if key is None:
            close()
    close()
    return done


def batched(
    records: Iterable[tuple[Offset, Record]], n: int
) -> Iterator[list[tuple[Offset, Record]]]:
    """Lists of at most `n` (itertools.batched is of Python 3.12)."""
    iterator = iter(records)
    while batch := list(islice(iterator, n)):
        yield batch
