"""The layer that reads both ways, written out, says what torch's own says."""

import pytest
import torch
from torch import nn

from training.export.unrolled import BothWays, unrolled
from training.models import MODELS, build_model
from vitalwire.bundle import Task


@pytest.mark.parametrize("n_steps", [1, 2, 31])
@torch.no_grad()
def test_it_computes_what_torchs_layer_does(n_steps: int) -> None:
    torch.manual_seed(n_steps)
    gru = nn.GRU(7, 5, batch_first=True, bidirectional=True)
    x = 3 * torch.randn(4, n_steps, 7)
    wanted, last = gru(x)
    found, state = BothWays(gru)(x)
    torch.testing.assert_close(found, wanted, atol=1e-6, rtol=0)
    torch.testing.assert_close(state, torch.cat([last[0], last[1]], 1), atol=1e-6, rtol=0)


@pytest.mark.parametrize("name", MODELS)
@torch.no_grad()
def test_of_every_model_a_copy_that_says_the_same(name: str) -> None:
    model = build_model(Task.ECG_RHYTHM, name).eval()
    before = {key: value.clone() for key, value in model.state_dict().items()}
    x = torch.randn(2, 1, 500)
    torch.testing.assert_close(unrolled(model)(x), model(x), atol=1e-6, rtol=0)
    after = model.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(value, after[key]) for key, value in before.items())
    recurrent = [type(one) for one in unrolled(model).modules()]
    assert (BothWays in recurrent) == (name == "crnn")
