"""The models for seizures: any leads, in any order, hop by hop as in one."""

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor, nn

from edge.stages.eeg_signal import N_HOP, N_LEADS_MAX
from training.models import build_model, n_parameters
from training.models.eeg_cnn1d import EegCnn1d
from training.models.eeg_tcn import EegTcn
from vitalwire.bundle import Task
from vitalwire.errors import InputError

NAMES = ("tcn", "cnn1d")
N_HOPS = 70  # longer than the model looks back


@pytest.fixture(autouse=True)
def seeded() -> Iterator[None]:
    with torch.random.fork_rng():
        torch.manual_seed(3)
        yield


def stirred(name: str) -> nn.Module:
    """A model whose normalisation is not the identity."""
    model = build_model(Task.EEG_SEIZURE, name).eval()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.running_mean, -0.3, 0.3)  # type: ignore[arg-type]
            nn.init.uniform_(module.running_var, 0.5, 2.0)  # type: ignore[arg-type]
            nn.init.uniform_(module.bias, -0.3, 0.3)
    return model


def stream(n_leads: int, n_hops: int = N_HOPS) -> tuple[Tensor, Tensor]:
    """Noise, and leads of which each is lost for a while."""
    good = (torch.rand(1, n_leads, n_hops) > 0.2).float()
    return torch.randn(1, n_leads, n_hops * N_HOP), good


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("n_leads", [1, 2, 23])
def test_any_number_of_leads(name: str, n_leads: int) -> None:
    logits, leads = stirred(name)(*stream(n_leads))
    assert logits.shape == (1, 2, N_HOPS)
    assert leads.shape == (1, n_leads, N_HOPS)


@pytest.mark.parametrize("name", NAMES)
def test_the_order_of_the_leads_is_nothing(name: str) -> None:
    model, (x, good) = stirred(name), stream(7)
    order = torch.randperm(7)
    logits, leads = model(x, good)
    other, other_leads = model(x[:, order], good[:, order])
    torch.testing.assert_close(other, logits, atol=1e-5, rtol=0)
    torch.testing.assert_close(other_leads, leads[:, order], atol=1e-5, rtol=0)


@pytest.mark.parametrize("name", NAMES)
def test_a_lead_that_cannot_be_read_changes_nothing(name: str) -> None:
    model, (x, good) = stirred(name), stream(4)
    more = torch.cat([x, 9.0 * torch.randn(1, 1, x.shape[2])], dim=1)
    logits, leads = model(more, torch.cat([good, torch.zeros(1, 1, N_HOPS)], dim=1))
    torch.testing.assert_close(logits, model(x, good)[0], atol=1e-5, rtol=0)
    assert not leads[:, 4].any()


@pytest.mark.parametrize("name", NAMES)
def test_every_lead_that_can_be_read_counts(name: str) -> None:
    model, (x, _) = stirred(name), stream(4)
    whole = torch.ones(1, 4, N_HOPS)
    for lead in range(4):
        less = whole.clone()
        less[:, lead] = 0.0
        assert not torch.allclose(model(x, less)[0], model(x, whole)[0], atol=1e-4)


def in_places(x: Tensor, good: Tensor, hop: int) -> tuple[Tensor, Tensor]:
    n = x.shape[1]
    signal, there = torch.zeros(1, N_LEADS_MAX, N_HOP), torch.zeros(1, N_LEADS_MAX)
    signal[:, :n] = x[:, :, hop * N_HOP : (hop + 1) * N_HOP]
    there[:, :n] = good[:, :, hop]
    return signal, there


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("n_leads", [1, 23])
def test_hop_by_hop_equals_the_whole(name: str, n_leads: int) -> None:
    model = stirred(name)
    assert isinstance(model, EegTcn | EegCnn1d)
    x, good = stream(n_leads)
    with torch.no_grad():
        logits, leads = model(x, good)
        state = torch.zeros(1, model.n_state)
        for hop in range(N_HOPS):
            told, word, state = model.step(*in_places(x, good, hop), state)
            torch.testing.assert_close(told, logits[:, :, hop], atol=1e-5, rtol=0)
            torch.testing.assert_close(word[:, :n_leads], leads[:, :, hop], atol=1e-5, rtol=0)
            assert not word[:, n_leads:].any()


@pytest.mark.parametrize("name", NAMES)
def test_the_past_does_not_know_the_future(name: str) -> None:
    model, (x, good) = stirred(name), stream(3)
    changed = x.clone()
    changed[..., 40 * N_HOP :] += 1.0
    before, after = model(x, good)[0], model(changed, good)[0]
    torch.testing.assert_close(before[..., :40], after[..., :40], atol=1e-6, rtol=0)
    assert not torch.allclose(before[..., 40:42], after[..., 40:42])


def test_the_window_of_the_cnn_is_forgotten_behind_it() -> None:
    model, (x, good) = stirred("cnn1d"), stream(3)
    changed = x.clone()
    changed[..., : 20 * N_HOP] += 1.0
    before, after = model(x, good)[0], model(changed, good)[0]
    hears = 5  # hops that the encoder looks back, before the first one of a window
    assert not torch.allclose(before[..., 58], after[..., 58], atol=1e-6)
    torch.testing.assert_close(
        before[..., 59 + hears :], after[..., 59 + hears :], atol=1e-6, rtol=0
    )


@pytest.mark.parametrize("name", NAMES)
def test_models_are_small_and_every_parameter_learns(name: str) -> None:
    model = build_model(Task.EEG_SEIZURE, name).train()
    assert n_parameters(model) <= 100_000
    logits, leads = model(torch.randn(3, 4, N_HOPS * N_HOP), torch.ones(3, 4, N_HOPS))
    (logits.square().sum() + leads.square().sum()).backward()
    still = [
        key
        for key, one in model.named_parameters()
        if one.grad is None or not one.grad.abs().max() > 0
    ]
    assert still == []


@pytest.mark.parametrize(
    ("sizes", "told"),
    [
        ({"strides": [8, 2, 4]}, "product is the hop of 32 samples"),
        ({"kernels": [16, 8]}, "as many kernels and strides as channels"),
        ({"kernels": [16, 2, 8]}, "kernels above their strides"),
    ],
)
def test_what_cannot_be_built_is_told(sizes: dict[str, object], told: str) -> None:
    for name in NAMES:
        with pytest.raises(InputError, match=told):
            build_model(Task.EEG_SEIZURE, name, sizes)


def test_convolutions_longer_than_the_window_are_told() -> None:
    with pytest.raises(InputError, match="look at less than 40 hops, got kernel 5"):
        build_model(Task.EEG_SEIZURE, "cnn1d", {"dilations": [1, 2, 8]})


def test_a_family_without_a_model_for_the_task_is_told() -> None:
    with pytest.raises(InputError, match="lstm: expected a task of ecg-beat, ecg-rhythm"):
        build_model(Task.EEG_SEIZURE, "lstm")
