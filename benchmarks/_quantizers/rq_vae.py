"""RQ-VAE by the usual recipe, as a reference: an autoencoder whose latent is residually quantised.

Encoder and decoder are MLPs, each level has 256 codewords with k-means starts on a warmed-up
encoder's latents, exponential moving averages and restarts of dead words; the gradient passes
straight through. As in our fit, rows held out of the training choose the step to keep. One hidden
layer and a wide latent were chosen on a validation split of the pooled text: at 64 bits the deep
and narrow 512-256-128-64 had an error of 0.493 there.
"""

import copy
import itertools
import math
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor, nn

K = 256
HELD_OUT = 1024
BATCH = 512
DECAY = 0.99


class RQVAE(nn.Module):
    """Rows in and out are centred and scaled by one factor, so errors keep their proportions."""

    def __init__(
        self, rows: np.ndarray, *, levels: int, latent: int, hidden: tuple[int, ...]
    ) -> None:
        super().__init__()
        dim = rows.shape[1]
        self.register_buffer("mean", torch.from_numpy(rows.mean(axis=0)))
        self.register_buffer("scale", torch.tensor(float(rows.std(axis=0).mean())))
        self.encoder = mlp([dim, *hidden, latent])
        self.decoder = mlp([latent, *hidden[::-1], dim])
        self.register_buffer("words", torch.zeros(levels, K, latent))
        self.register_buffer("counts", torch.ones(levels, K))
        self.register_buffer("sums", torch.zeros(levels, K, latent))

    def latents(self, rows: Tensor) -> Tensor:
        return self.encoder((rows - self.mean) / self.scale)

    def output(self, latents: Tensor) -> Tensor:
        return self.decoder(latents) * self.scale + self.mean

    def quantise(self, z: Tensor, *, update: bool = False) -> tuple[Tensor, Tensor]:
        """Return codes (n, levels) and their sums (n, latent), greedily level by level."""
        codes, residual = [], z
        for level, words in enumerate(self.words):
            distances = (words**2).sum(dim=1) - 2 * residual @ words.T
            chosen = distances.argmin(dim=1)
            if update:
                self._move(level, residual, chosen)
            residual = residual - words[chosen]
            codes.append(chosen)
        return torch.stack(codes, dim=1), z - residual

    def summed(self, codes: Tensor) -> Tensor:
        return sum(words[codes[:, level]] for level, words in enumerate(self.words))

    def start_words(self, z: Tensor) -> None:
        """Set every level to the k-means of what the earlier ones leave."""
        from sklearn.cluster import KMeans

        residual = z.numpy()
        for level in range(len(self.words)):
            k_means = KMeans(K, n_init=1, max_iter=20, random_state=level).fit(residual)
            self.words[level] = torch.from_numpy(k_means.cluster_centers_)
            residual = residual - k_means.cluster_centers_[k_means.labels_]
            self.counts[level] = torch.from_numpy(np.bincount(k_means.labels_, minlength=K))
        self.counts *= BATCH / len(z)
        self.sums.copy_(self.words * self.counts[:, :, None])

    def _move(self, level: int, residual: Tensor, chosen: Tensor) -> None:
        one_hot = nn.functional.one_hot(chosen, K).to(residual.dtype)
        self.counts[level].lerp_(one_hot.sum(dim=0), 1 - DECAY)
        self.sums[level].lerp_(one_hot.T @ residual, 1 - DECAY)
        dead = self.counts[level] < 0.05
        if dead.any():
            again = residual[torch.randint(len(residual), (int(dead.sum()),))]
            self.sums[level][dead], self.counts[level][dead] = again, 1.0
        self.words[level] = self.sums[level] / self.counts[level][:, None]


def mlp(sizes: list[int]) -> nn.Sequential:
    layers: list[nn.Module] = []
    for n_in, n_out in itertools.pairwise(sizes):
        layers += [nn.Linear(n_in, n_out), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def train(
    rows: np.ndarray,
    levels: int,
    *,
    latent: int = 128,
    hidden: tuple[int, ...] = (512,),
    steps: int = 2000,
    warm_up: int = 500,
    rate: float = 1e-3,
    commitment: float = 0.25,
) -> RQVAE:
    """Return the model of the step with the least error on rows held out of the training."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    shuffled = torch.from_numpy(rows[np.random.default_rng(0).permutation(len(rows))])
    n_held_out = min(len(rows) // 10, HELD_OUT)
    held_out, training = shuffled[:n_held_out], shuffled[n_held_out:]
    model = RQVAE(training.numpy(), levels=levels, latent=latent, hidden=hidden)
    optimiser = torch.optim.AdamW(model.parameters(), rate, weight_decay=1e-4)
    best, least = copy.deepcopy(model.state_dict()), math.inf
    for step, batch in enumerate(batches(training, steps)):
        cosine = 0.5 * (1 + math.cos(math.pi * step / steps))
        optimiser.param_groups[0]["lr"] = rate * max(cosine, 0.01)
        if step == warm_up:
            with torch.no_grad():
                model.start_words(model.latents(training))
        loss = loss_of(model, batch, commitment if step >= warm_up else None)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        if step >= warm_up and (step % 100 == 99 or step == steps - 1):
            error = held_out_error(model, held_out)
            if error < least:
                best, least = copy.deepcopy(model.state_dict()), error
    model.load_state_dict(best)
    return model.eval()


def loss_of(model: RQVAE, batch: Tensor, commitment: float | None) -> Tensor:
    """Return the squared error per row, and the commitment where the latent is quantised."""
    z = model.latents(batch)
    penalty = z.new_zeros(())
    if commitment is not None:
        with torch.no_grad():
            _, quantised = model.quantise(z.detach(), update=True)
        penalty = commitment * ((z - quantised) ** 2).sum(dim=1).mean()
        z = z + (quantised - z).detach()
    errors = (model.output(z) - batch) / model.scale
    return (errors**2).sum(dim=1).mean() + penalty


@torch.no_grad()
def held_out_error(model: RQVAE, held_out: Tensor) -> float:
    _, quantised = model.quantise(model.latents(held_out))
    return float(((model.output(quantised) - held_out) ** 2).sum())


def batches(rows: Tensor, steps: int) -> Iterator[Tensor]:
    generator = torch.Generator().manual_seed(1)
    for _ in range(steps):
        yield rows[torch.randint(len(rows), (min(BATCH, len(rows)),), generator=generator)]


@torch.no_grad()
def encode(model: RQVAE, rows: np.ndarray) -> np.ndarray:
    codes, _ = model.quantise(model.latents(torch.from_numpy(np.ascontiguousarray(rows))))
    return codes.to(torch.uint8).numpy()


@torch.no_grad()
def decode(model: RQVAE, codes: np.ndarray) -> np.ndarray:
    return model.output(model.summed(torch.from_numpy(codes.astype(np.int64)))).numpy()
