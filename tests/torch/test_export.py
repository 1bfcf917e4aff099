"""SIDs inside a model that is compiled or exported: the same numbers come out.

ONNX is run by onnxruntime, on other sizes of batch and history than it was exported with.
"""

import onnxruntime
import pytest
import torch
from codebooks import as_sids, random_codebook, random_symbols
from torch import Tensor, nn
from torch.export import Dim

from semantic_ids.trainers import SIDEmbedding, SimilarityFeatures, sid_scores

pytestmark = [
    pytest.mark.torch,
    pytest.mark.filterwarnings("ignore::UserWarning", "ignore::DeprecationWarning"),
]

DIM = 12
# The last byte uses symbol 255, so the null SID needs its own row.
CODEBOOK = random_codebook([{"ternary": 5}, {"binary": 8}], collections={"text": DIM})


class Vectors(nn.Module):
    """Every way from SIDs to vectors."""

    def __init__(self) -> None:
        super().__init__()
        self.decoded, self.digits = SIDEmbedding(CODEBOOK), SIDEmbedding(CODEBOOK, "digits")
        torch.manual_seed(0)
        self.folded = self.decoded.fold(nn.Linear(DIM, 3))

    def forward(self, sids: Tensor, symbols: Tensor) -> tuple[Tensor, ...]:
        modules = self.decoded, self.digits, self.folded
        return tuple(module(values) for module in modules for values in (sids, symbols))


class Similarities(nn.Module):
    """Padded histories to features of their cosines."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = SIDEmbedding(CODEBOOK, norms=True)
        self.features = SimilarityFeatures(temperatures=[0.1], thresholds=[0.5])

    def forward(self, query: Tensor, sids: Tensor, mask: Tensor) -> tuple[Tensor, ...]:
        scores = sid_scores(self.embedding, query, sids, metric="cosine")
        return (self.features(scores, mask),)


class JaggedScores(nn.Module):
    """Histories one after another to scores of two metrics."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = SIDEmbedding(CODEBOOK, norms=True)

    def forward(self, query: Tensor, symbols: Tensor, offsets: Tensor) -> tuple[Tensor, ...]:
        return tuple(
            sid_scores(self.embedding, query, symbols, offsets=offsets, metric=metric)
            for metric in ("dot", "negative_squared_distance")
        )


def vectors_of(n: int, length: int) -> tuple[Tensor, ...]:
    symbols = random_symbols(CODEBOOK, n, length)
    return as_sids(symbols), symbols


def histories_of(n: int, length: int) -> tuple[Tensor, ...]:
    generator = torch.Generator().manual_seed(n)
    mask = torch.rand(n, length, generator=generator) > 0.4
    mask[0] = False
    return torch.randn(n, DIM, generator=generator), vectors_of(n, length)[0], mask


def jagged_of(n: int, length: int) -> tuple[Tensor, ...]:
    generator = torch.Generator().manual_seed(n)
    cuts = torch.randint(n * length, (n - 1,), generator=generator).sort().values
    offsets = torch.cat([torch.tensor([0]), cuts, torch.tensor([n * length])])
    query = torch.randn(n, DIM, generator=generator)
    return query, random_symbols(CODEBOOK, n * length), offsets


B, N, T = Dim("B", min=2), Dim("N", min=2), Dim("T", min=2)
CASES = {
    "vectors": (Vectors, vectors_of, ({0: B, 1: N}, {0: B, 1: N})),
    "similarities": (Similarities, histories_of, ({0: B}, {0: B, 1: N}, {0: B, 1: N})),
    "jagged scores": (JaggedScores, jagged_of, ({0: B}, {0: T}, {0: B + 1})),
}


@pytest.fixture(params=CASES.values(), ids=CASES.keys(), scope="module")
def case(request):
    make, inputs_of, shapes = request.param
    return make().eval(), inputs_of, shapes


def assert_same(found: tuple[Tensor, ...], wanted: tuple[Tensor, ...]) -> None:
    for one, other in zip(found, wanted, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-4)


def test_one_graph_is_captured_and_gives_the_same(case):
    model, inputs_of, _ = case
    compiled = torch.compile(model, fullgraph=True, backend="aot_eager", dynamic=True)
    for sizes in [(4, 9), (3, 6)]:
        assert_same(compiled(*inputs_of(*sizes)), model(*inputs_of(*sizes)))


@pytest.mark.slow
def test_the_default_compiler_gives_the_same():
    embedding = SIDEmbedding(CODEBOOK)
    sids, _ = vectors_of(4, 9)
    compiled = torch.compile(embedding, fullgraph=True)
    torch.testing.assert_close(compiled(sids), embedding(sids))


def test_an_exported_program_gives_the_same(case):
    model, inputs_of, shapes = case
    program = torch.export.export(model, inputs_of(4, 9), dynamic_shapes=shapes).module()
    assert_same(program(*inputs_of(3, 6)), model(*inputs_of(3, 6)))


def test_onnxruntime_gives_the_same(case, tmp_path):
    model, inputs_of, shapes = case
    file = tmp_path / "model.onnx"
    torch.onnx.export(
        model, inputs_of(4, 9), file, dynamo=True, dynamic_shapes=shapes, verbose=False
    )
    session = onnxruntime.InferenceSession(file)
    names = [one.name for one in session.get_inputs()]
    values = [tensor.numpy() for tensor in inputs_of(3, 6)]
    found = session.run(None, dict(zip(names, values, strict=True)))
    assert_same(tuple(map(torch.from_numpy, found)), model(*inputs_of(3, 6)))
