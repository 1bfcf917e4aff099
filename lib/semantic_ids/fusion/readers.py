"""What is read off digits in closed form: linear decoders and heads."""

import numpy as np
import numpy.typing as npt
import torch

from semantic_ids.fusion.batches import Loader, Places
from semantic_ids.fusion.model import FusionModel, cross_entropy, linears

Array32 = npt.NDArray[np.float32]

_RIDGE_ROWS = 1.0  # rows of each digit alone, whose vectors are 0
_STEPS = 100


def decoder_of(digits: Array32, x: Array32, present: npt.NDArray[np.bool_]) -> Array32:
    """Return D, shape (n_digits, dim), the ridge regression of rows that are present on digits."""
    B = digits[present].astype(np.float64)
    H = B.T @ B + _RIDGE_ROWS * np.eye(B.shape[1])
    return np.asarray(np.linalg.solve(H, B.T @ x[present]), np.float32)


def head_of(
    digits: Array32, targets: npt.NDArray[np.generic], n_classes: int
) -> tuple[Array32, Array32]:
    """Return W (n_digits, n_classes) and b of the logistic regression of classes on digits.

    Its penalty is half of ``|W|^2`` over the number of rows, as in scikit-learn with C = 1.
    """
    B, y = torch.from_numpy(digits), torch.from_numpy(targets)
    W = torch.zeros(B.shape[1], n_classes, requires_grad=True)
    b = torch.zeros(n_classes, requires_grad=True)
    optimiser = torch.optim.LBFGS([W, b], max_iter=_STEPS, line_search_fn="strong_wolfe")

    def closure() -> torch.Tensor:
        optimiser.zero_grad()
        loss = cross_entropy(B @ W + b, y) + 0.5 * (W**2).sum() / len(B)
        loss.backward()  # type: ignore[no-untyped-call]  # torch's own
        return loss

    optimiser.step(closure)  # type: ignore[no-untyped-call]  # torch's own
    return W.detach().numpy(), b.detach().numpy()


def solve_readers(model: FusionModel, loader: Loader, places: Places) -> None:
    """Set linear decoders and heads to their best for the digits that rows have now."""
    digits = model.quantiser.digits(loader.latents(model, places)).cpu().numpy()
    spec, rows = model.spec, loader.rows
    if not spec.decoder_hidden:
        columns = loader.normalised(model, places)
        for name, decoder, x in zip(
            spec.collections, linears(model.decoders), columns, strict=True
        ):
            D = decoder_of(digits, x, rows.present[name][places])
            decoder.weight.data.copy_(torch.from_numpy(D.T))
    for name, head in zip(spec.categories, linears(model.heads), strict=True):
        W, b = head_of(digits, rows.targets[name][places], head.out_features)
        head.weight.data.copy_(torch.from_numpy(W.T))
        head.bias.data.copy_(torch.from_numpy(b))
