"""A program to be killed: puts alarms and commits beats, and says what it was told is safe.

`python -m tests.edge.delivery.committer OUTBOX FIRST`
"""

import itertools
import sys
from pathlib import Path

from edge.delivery.entries import BOTH_LANES
from edge.delivery.outbox import Outbox
from edge.delivery.render import render
from tests.edge.delivery.samples import alarm, beat


def main(path: Path, first: int) -> None:
    outbox = Outbox(path, {"store": BOTH_LANES})
    for i in itertools.count(first):
        entry = render(alarm(i), "ward-1", None)
        outbox.put_alarm([entry])
        print(f"alarm {entry.key}", flush=True)
        outbox.commit([render(beat(i), "ward-1", None), entry], 10 * i)
        print(f"offset {10 * i}", flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
