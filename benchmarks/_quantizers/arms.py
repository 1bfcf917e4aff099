"""Our codebooks and their peers: each arm is a fit that gives one or several quantisers."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import faiss
import numpy as np
from sklearn.cluster import KMeans

from _quantizers import rq_vae
from semantic_ids.codebook import Codebook, CodebookSpec, decode, encode, fit

Rows = np.ndarray
K = 256
FULL = {"centroids": K}


class Quantizer(NamedTuple):
    encode: Callable[[Rows], Any]
    decode: Callable[[Any], Rows]


class Arm(NamedTuple):
    """One fit and the quantisers that it gives, by name: they differ in how they encode."""

    names: tuple[str, ...]
    family: str
    fit: Callable[[Rows, int], Sequence[Quantizer]]


def arms(bits: int) -> list[Arm]:
    """Return every arm for SIDs of so many bits, a multiple of 8."""
    n_bytes = bits // 8
    return [
        ours("fast", CodebookSpec.preset("fast", bits)),
        ours("binary", CodebookSpec([{"binary": bits - 1}])),
        *mixtures(n_bytes),
        ours("centroids [16, 16]", CodebookSpec([{"centroids": [16, 16]}] * n_bytes)),
        ours("balanced", CodebookSpec.preset("balanced", bits)),
        ours("faithful", CodebookSpec.preset("faithful", bits), beams=(16,)),
        *(residual_quantizer(beam) for beam in (1, 5, 16)),
        residual_quantizer(5, refine=True),
        Arm(("faiss LSQ",), "faiss LSQ", local_search_quantizer),
        Arm(("faiss PQ",), "faiss PQ", lambda rows, bits: product_quantizer(rows, bits, opq=False)),
        Arm(("faiss OPQ",), "faiss PQ", lambda rows, bits: product_quantizer(rows, bits, opq=True)),
        Arm(("k-means per level",), "k-means", k_means_per_level),
        Arm(("RQ-VAE",), "RQ-VAE", rq_vae_of),
    ]


def ours(name: str, spec: CodebookSpec, *, beams: Sequence[int] = ()) -> Arm:
    """Fit as the spec says; wider beams then encode with the same tables."""

    def build(training: Rows, _: int) -> list[Quantizer]:
        codebook = fit(training, spec)
        wider = [CodebookSpec.from_dict(spec.to_dict() | {"beam": beam}) for beam in beams]
        return [quantizer_of(replace(codebook, spec=other)) for other in (spec, *wider)]

    return Arm((name, *(f"{name}, beam {beam}" for beam in beams)), "ours", build)


def mixtures(n_bytes: int) -> list[Arm]:
    """Return bytes of centroids, then ternary digits: one, two and half of the bytes."""
    counts = sorted({1, 2, (n_bytes + 1) // 2} & set(range(1, n_bytes)))
    return [
        ours(
            f"{count} centroid byte{'s' * (count > 1)}, ternary",
            CodebookSpec([FULL] * count + [{"ternary": 5 * (n_bytes - count)}]),
        )
        for count in counts
    ]


def quantizer_of(codebook: Codebook) -> Quantizer:
    return Quantizer(lambda rows: encode(rows, codebook), lambda sids: decode(sids, codebook))


def residual_quantizer(beam: int, *, refine: bool = False) -> Arm:
    """faiss trains without look-up tables in any case, so one fit serves both ways to encode."""
    name = f"faiss RQ, beam {beam}" + (", refined" if refine else "")

    def build(training: Rows, bits: int) -> list[Quantizer]:
        quantizer = faiss.ResidualQuantizer(training.shape[1], bits // 8, 8)
        quantizer.max_beam_size = beam
        quantizer.cp.min_points_per_centroid = 1
        if len(training) < training.shape[1]:  # its default starts by a PCA that needs as many rows
            quantizer.train_type = faiss.ResidualQuantizer.Train_default
        if refine:
            quantizer.train_type |= faiss.ResidualQuantizer.Train_refine_codebook
        quantizer.train(training)

        def with_tables(use: int) -> Callable[[Rows], Any]:
            def encode_rows(rows: Rows) -> Any:
                quantizer.use_beam_LUT = use
                return quantizer.compute_codes(rows)

            return encode_rows

        return [Quantizer(with_tables(use), quantizer.decode) for use in (1, 0)]

    return Arm((f"{name}, LUT", name), "faiss RQ", build)


def local_search_quantizer(training: Rows, bits: int) -> list[Quantizer]:
    quantizer = faiss.LocalSearchQuantizer(training.shape[1], bits // 8, 8)
    quantizer.train(training)
    return [Quantizer(quantizer.compute_codes, quantizer.decode)]


def product_quantizer(training: Rows, bits: int, *, opq: bool) -> list[Quantizer]:
    """Quantise parts of equal width; columns of zeros make the width divisible."""
    dim, n_parts = training.shape[1], bits // 8
    width = -(-dim // n_parts) * n_parts
    quantizer = faiss.ProductQuantizer(width, n_parts, 8)
    quantizer.cp.min_points_per_centroid = 1
    turn = faiss.OPQMatrix(dim, n_parts, width) if opq else None
    if turn is not None:
        turn.pq = quantizer
        turn.train(training)

    def turned(rows: Rows) -> Rows:
        return np.pad(rows, ((0, 0), (0, width - dim))) if turn is None else turn.apply(rows)

    def turned_back(rows: Rows) -> Rows:
        return rows[:, :dim] if turn is None else turn.reverse_transform(rows)

    quantizer.train(turned(training))
    return [
        Quantizer(
            lambda rows: quantizer.compute_codes(turned(rows)),
            lambda codes: turned_back(quantizer.decode(codes)),
        )
    ]


def k_means_per_level(training: Rows, bits: int) -> list[Quantizer]:
    levels, residual = [], training
    for level in range(bits // 8):
        k_means = KMeans(K, n_init=1, random_state=level).fit(residual)
        residual = residual - k_means.cluster_centers_[k_means.labels_]
        levels.append(k_means)

    def encode_rows(rows: Rows) -> Rows:
        codes = np.empty((len(rows), len(levels)), np.uint8)
        for level, k_means in enumerate(levels):
            codes[:, level] = k_means.predict(rows)
            rows = rows - k_means.cluster_centers_[codes[:, level]]
        return codes

    def decode_codes(codes: Rows) -> Rows:
        return sum(k_means.cluster_centers_[codes[:, i]] for i, k_means in enumerate(levels))

    return [Quantizer(encode_rows, decode_codes)]


def rq_vae_of(training: Rows, bits: int) -> list[Quantizer]:
    model = rq_vae.train(training, bits // 8)
    return [
        Quantizer(
            lambda rows: rq_vae.encode(model, rows), lambda codes: rq_vae.decode(model, codes)
        )
    ]
