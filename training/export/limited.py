"""Work that may take too long, in a process of its own that is ended when its time is over.

A converter cannot be interrupted from within: much of it is one call into a compiler.
"""

import multiprocessing
import os
import pickle
import signal
import sys
import tempfile
from collections.abc import Callable
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any, Final

Work = Callable[..., bytes]

_GRACE_S: Final = 5.0  # between being asked to end and being ended


class FailedWorkError(Exception):
    """The work raised, or its process died: the message says which, in one line."""


def limited(limit_s: float, work: Work, *arguments: Any) -> bytes:
    """What `work(*arguments)` gives, asked in a new process.

    Parameters
    ----------
    limit_s : float
        All of it: the start of the process and its imports as well.
    work : callable
        Of a module's top level. It goes there by pickle, as its arguments do.

    Raises
    ------
    TimeoutError
        It was not done in time; the process has ended.
    FailedWorkError
        There is nothing to be had from it.
    """
    context = multiprocessing.get_context("spawn")  # a fork would share torch's threads
    answer, teller = context.Pipe(duplex=False)
    # By plain pickle: what torch adds to that of processes needs shared memory.
    asked = pickle.dumps((work, arguments))
    with tempfile.TemporaryDirectory() as folder:
        process = context.Process(target=_tell, args=(teller, asked, folder), daemon=True)
        process.start()
        teller.close()  # so that a process that dies is the end of what can be heard
        try:
            if not answer.poll(limit_s):
                raise TimeoutError(f"not done in {limit_s:g} s")
            done, told = answer.recv()
            process.join(_GRACE_S)
        except EOFError:
            process.join(_GRACE_S)
            raise FailedWorkError(f"its process ended with {process.exitcode}") from None
        finally:
            answer.close()
            _end(process)
    if not done:
        raise FailedWorkError(told)
    return bytes(told)


def _tell(teller: Connection, asked: bytes, folder: str) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # who asked is interrupted, and ends it
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # in order: libraries hold locks
    os.environ["TMPDIR"] = tempfile.tempdir = folder  # what it leaves there goes with it
    try:
        work, arguments = pickle.loads(asked)
        told: tuple[bool, bytes | str] = (True, work(*arguments))
    except Exception as error:  # noqa: BLE001 - converters raise anything
        told = (False, " ".join(f"{type(error).__name__}: {error}".split()))
    teller.send(told)


def _end(process: BaseProcess) -> None:
    process.terminate()
    process.join(_GRACE_S)
    if process.is_alive():
        process.kill()
        process.join()
    process.close()
