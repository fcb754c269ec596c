"""Holds this process to one core, so that what is measured is what one thread does."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

_POOLS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


@contextmanager
def one_thread() -> Iterator[None]:
    """One core, and pools of one thread for libraries that are imported within."""
    os.environ.update(dict.fromkeys(_POOLS, "1"))
    if not hasattr(os, "sched_setaffinity"):  # not on Linux
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(before)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
