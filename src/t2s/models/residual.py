"""A residual that does no harm: per timestep, how much of the noisy clip itself belongs in the answer."""

import torch
from torch import Tensor, nn


class BlendResidual(nn.Module):
    """x0_hat = (1 - g_t) · x0_net + g_t · x_t / a_t with one learned gate per timestep.

    x_t / a_t is the estimate of a network that copies; its error s²/a² is tiny where t is small, where a narrow trunk
    blurs. In each prediction space this is (1 - g) · net + g · skip · x_t, skip = 1/a (sample), -s/a (v), 0 (epsilon).
    The gate starts error-optimal for a network whose x0-error is `EXPECTED_ERROR` and is trained with the rest.
    """

    EXPECTED_ERROR = 0.01  # x0-MSE of a middling model on pixels in [-1, 1]

    def __init__(self, alphas_cumprod: Tensor, prediction_type: str) -> None:
        super().__init__()
        signal, noise = alphas_cumprod.sqrt(), (1 - alphas_cumprod).sqrt()
        safe = signal.clamp(min=1e-4)  # where SNR = 0 the gate is shut and this is never used
        copy_error = (noise / safe) ** 2
        gate = self.EXPECTED_ERROR / (self.EXPECTED_ERROR + copy_error)
        skip = {"sample": 1 / safe, "v": -noise / safe, "epsilon": torch.zeros_like(signal)}[prediction_type]
        self.logit = nn.Parameter(torch.logit(gate.clamp(1e-6, 1 - 1e-6)).float())  # (T,)
        self.skip: Tensor
        self.register_buffer("skip", skip.float(), persistent=False)

    def forward(self, output: Tensor, x_t: Tensor, t: Tensor) -> Tensor:
        """output, x_t: (B, C, F, H, W); t: (B,)."""
        gate = torch.sigmoid(self.logit[t]).view(-1, 1, 1, 1, 1)
        skip = self.skip[t].view(-1, 1, 1, 1, 1)
        return torch.addcmul((1 - gate) * output, gate * skip, x_t.float())
