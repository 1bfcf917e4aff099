"""The processes that train together: this one alone, or those of torch.distributed."""

from dataclasses import dataclass

import torch
from torch import Tensor, distributed

from semantic_ids.fusion.model import FusionModel


@dataclass(frozen=True)
class Ranks:
    """Which of how many processes this is, and its device: a GPU of its own if there is one."""

    rank: int = 0
    size: int = 1

    @property
    def device(self) -> torch.device:
        """The GPU of this process, or the CPU."""
        if not torch.cuda.is_available():
            return torch.device("cpu")
        return torch.device("cuda", self.rank % torch.cuda.device_count())

    def average(self, values: Tensor) -> Tensor:
        """Return the mean of a tensor over the processes."""
        if self.size > 1:
            distributed.all_reduce(values)
            values = values / self.size
        return values

    def first(self, values: Tensor) -> Tensor:
        """Return the tensor of the first process, so that all draw the same rows from it."""
        if self.size > 1:
            values = values.detach().clone()
            distributed.broadcast(values, 0)
        return values

    def average_gradients(self, model: FusionModel) -> None:
        """Replace gradients by their means over the processes, in one exchange."""
        if self.size == 1:
            return
        gradients = [weight.grad for weight in model.parameters() if weight.grad is not None]
        flat = self.average(torch.cat([gradient.flatten() for gradient in gradients]))
        at = 0
        for gradient in gradients:
            gradient.copy_(flat[at : at + gradient.numel()].view_as(gradient))
            at += gradient.numel()
