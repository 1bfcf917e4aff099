"""The quantiser layer: latents to ternary digits, with a gradient that passes straight through."""

import numpy as np
import torch
from torch import Tensor, nn

from semantic_ids.codebook import Codebook, FusionSpec, choose_grid, digits_of, encode

MEMORY = 0.98  # of the moving average of least squares
_RIDGE = 1e-3
_DEAD = 1e-3  # a direction that fewer of the rows use has died
_TYPICAL = 0.999


class Quantiser(nn.Module):
    """Directions of shape (n_digits, latent), and the moving sums that they follow.

    Digits are those that the codebook's encoder finds for the latents, on the CPU and in integers:
    there is no second search that could disagree with it.
    """

    directions: nn.Parameter
    moments: Tensor
    products: Tensor
    use: Tensor

    def __init__(self, spec: FusionSpec) -> None:
        super().__init__()
        self.spec = spec
        n, d = spec.digits, spec.latent
        follows_gradient = spec.directions == "gradient"
        self.directions = nn.Parameter(torch.zeros(n, d), requires_grad=follows_gradient)
        self.register_buffer("moments", torch.zeros(n, n))  # averages of b^T b and b^T z
        self.register_buffer("products", torch.zeros(n, d))
        self.register_buffer("use", torch.ones(n))

    def codebook(self, latents: Tensor) -> Codebook:
        """Round the directions to the grid that suits some latents."""
        V = self.directions.detach().cpu().numpy().astype(np.float64)
        norms = torch.linalg.vector_norm(latents.detach().double(), dim=1).cpu().numpy()
        layout = self.spec.codebook_spec.layout
        basis, x_exponent, basis_exponent = choose_grid(
            V, layout, typical_norm=float(np.quantile(norms, _TYPICAL)) if len(norms) else 0.0
        )
        return Codebook(
            self.spec.codebook_spec,
            {"latent": self.spec.latent},
            np.zeros(self.spec.latent, np.float32),
            basis,
            x_exponent,
            basis_exponent,
        )

    def begin(self, directions: Tensor, latents: Tensor) -> None:
        """Set the directions, and the moving averages to those of many rows."""
        self.directions.data.copy_(directions)
        gathered = self.gather(latents, self.digits(latents))
        n = self.spec.digits
        self.moments.copy_(gathered[:, :n])
        self.products.copy_(gathered[:, n:-1])
        self.use.copy_(gathered[:, -1])

    def digits(self, latents: Tensor) -> Tensor:
        """Return the digits of (n, latent) latents, float32 of shape (n, n_digits)."""
        codebook = self.codebook(latents)
        found = digits_of(encode(latents.detach().cpu().numpy(), codebook), codebook)
        return torch.from_numpy(found).to(latents)

    def straight_through(self, latents: Tensor, digits: Tensor) -> Tensor:
        """Return the digits, with the gradient of the latents' real coefficients along V."""
        coefficients = latents @ torch.linalg.pinv(self.directions.detach())
        passed: Tensor = digits + coefficients - coefficients.detach()
        return passed

    def gather(self, latents: Tensor, digits: Tensor) -> Tensor:
        """Sum up what a step adds to the moving averages: b^T b, b^T z and use, in one tensor."""
        n = len(digits)
        parts = (digits.T @ digits, digits.T @ latents.detach(), digits.abs().sum(dim=0)[:, None])
        return torch.cat(parts, dim=1) / n

    def follow(self, gathered: Tensor, latents: Tensor, generator: torch.Generator) -> None:
        """Move the averages and, unless they follow the gradient, the directions; revive dead ones.

        A direction whose digit is 0 nearly everywhere starts again at what a random row's latent
        has left.
        """
        with torch.no_grad():
            n = self.spec.digits
            self.moments.lerp_(gathered[:, :n], 1 - MEMORY)
            self.products.lerp_(gathered[:, n:-1], 1 - MEMORY)
            self.use.lerp_(gathered[:, -1], 1 - MEMORY)
            if self.spec.directions == "average":
                diagonal = self.moments.diagonal().mean().clamp_min(1e-6)
                ridge = _RIDGE * diagonal * torch.eye(n).to(self.moments)
                self.directions.copy_(torch.linalg.solve(self.moments + ridge, self.products))
            dead = torch.nonzero(self.use < _DEAD).flatten()
            if len(dead):
                self._revive(dead, latents.detach(), generator)

    def _revive(self, dead: Tensor, latents: Tensor, generator: torch.Generator) -> None:
        chosen = torch.randint(len(latents), (len(dead),), generator=generator)
        rows = latents[chosen.to(latents.device)]
        left = rows - self.digits(rows) @ self.directions
        self.directions[dead] = left
        self.moments[dead], self.moments[:, dead] = 0.0, 0.0
        self.moments[dead, dead] = 2 * _DEAD
        self.products[dead] = 2 * _DEAD * left
        self.use[dead] = 2 * _DEAD
