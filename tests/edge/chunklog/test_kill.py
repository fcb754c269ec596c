"""What was reported safe is there after kill -9."""

import random
import subprocess
import sys
from pathlib import Path

from edge.chunklog import ChunkLog, open_reader
from tests.edge.chunklog.makers import SEGMENT_BYTES, numbered

_WRITER = """
import sys
from pathlib import Path
from edge.chunklog import ChunkLog
from tests.edge.chunklog.makers import SEGMENT_BYTES, numbered
log = ChunkLog(Path(sys.argv[1]), segment_bytes=SEGMENT_BYTES * 8)
i = int(sys.argv[2])
while True:
    for _ in range(1 + i % 97):
        log.append(numbered(i, 100))
        i += 1
    print(log.sync(), i, flush=True)
"""


def _write_until_killed(folder: Path, start: int, lines: int) -> tuple[int, int]:
    """Kill the writer behind so many syncs; returns its last word: safe offset, records."""
    writer = subprocess.Popen(
        [sys.executable, "-c", _WRITER, str(folder), str(start)], stdout=subprocess.PIPE
    )
    assert writer.stdout is not None
    try:
        said = [writer.stdout.readline() for _ in range(lines)]
    finally:
        writer.kill()  # SIGKILL, wherever it is by now
        rest, _ = writer.communicate()
    said += [line for line in rest.splitlines(keepends=True) if line.endswith(b"\n")]
    offset, n_records = said[-1].split()
    return int(offset), int(n_records)


def test_everything_safe_is_there_and_the_log_goes_on(tmp_path: Path) -> None:
    rng = random.Random(208)
    start = 0
    for _ in range(10):
        safe, n_records = _write_until_killed(tmp_path, start, rng.randint(1, 120))
        with ChunkLog(tmp_path, segment_bytes=SEGMENT_BYTES * 8) as log:
            assert log.end_offset >= safe
        reader = open_reader(tmp_path)
        offset, count = 0, 0
        for offset, record in reader:  # noqa: B007
            assert record == numbered(count, 100)
            count += 1
        assert count >= n_records
        assert offset >= safe
        assert (reader.damaged, reader.tail_bytes) == (0, 0)
        start = count
