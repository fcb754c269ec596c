"""Layers that several models of the zoo share. Maps are (B, channels, 1, T)."""

from torch import Tensor, nn
from torch.nn import functional


class Conv(nn.Module):
    """Convolution over time that looks both ways, normalised and rectified.

    Convolutions are Conv2d with a kernel of 1 x k, which converts to TFLite without transposes.

    Parameters
    ----------
    n_in, n_out : int
    kernel : int
        Odd where the stride is 1.
    stride, dilation : int
        T becomes T / stride, for a T that the stride divides.
    """

    def __init__(
        self, n_in: int, n_out: int, kernel: int, *, stride: int = 1, dilation: int = 1
    ) -> None:
        super().__init__()
        span = (kernel - 1) * dilation + 1
        self.conv = nn.Conv2d(
            n_in,
            n_out,
            (1, kernel),
            stride=(1, stride),
            dilation=(1, dilation),
            padding=(0, max(0, (span - stride + 1) // 2)),
            bias=False,
        )
        self.norm = nn.BatchNorm2d(n_out)
        self.is_residual = n_in == n_out and stride == 1

    def forward(self, x: Tensor) -> Tensor:
        """(B, n_in, 1, T) to (B, n_out, 1, T / stride); adds its input where shapes allow."""
        y: Tensor = functional.relu(self.norm(self.conv(x)))
        return x + y if self.is_residual else y


def sequence_of(x: Tensor) -> Tensor:
    """(B, C, 1, T) to (B, T, C), as recurrent layers and attention take it."""
    return x[:, :, 0, :].transpose(1, 2)


def map_of(x: Tensor) -> Tensor:
    """(B, T, C) back to (B, C, 1, T)."""
    return x.transpose(1, 2)[:, :, None, :]
