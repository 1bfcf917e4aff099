"""docs/sid_vectors.json read as another language would: docs/sid_format.md in plain Python.

No numpy and nothing of ours takes part in the oracle, so what it shares with the library is the
page alone.
"""

import hashlib
import json
import math
import struct
from itertools import product
from pathlib import Path

import pytest

from semantic_ids.codebook import pack_digits, sids_to_bytes

VECTORS = json.loads((Path(__file__).parents[3] / "docs" / "sid_vectors.json").read_text())
CODEBOOKS = pytest.mark.parametrize(
    "case", VECTORS["codebooks"], ids=lambda case: str(case["spec"]["stages"])
)


def float32(value):
    return struct.unpack("<f", struct.pack("<f", value))[0]


def dot(a, b):
    return sum(x * y for x, y in zip(a, b, strict=True))


def added(*vectors):
    return [sum(values) for values in zip(*vectors, strict=True)]


def times(factor, vector):
    return [factor * value for value in vector]


def tables_of(case):
    """Give for each byte the integer rows of its symbols, in their order."""
    rows, tables = iter(case["basis"]), []
    for byte in case["bytes"]:
        choices = []
        for radix in byte["radices"]:
            if byte["kind"] == "centroids":
                choices.append([next(rows) for _ in range(radix)])
            else:
                row = next(rows)
                signs = (-1, 0, 1) if byte["kind"] == "ternary" else (-1, 1)
                choices.append([times(sign, row) for sign in signs])
        # the first factor is the lowest: it varies fastest
        tables.append([added(*reversed(rest)) for rest in product(*reversed(choices))])
    assert next(rows, None) is None
    return tables


def grid_of(vector, case):
    return [
        round(float32(float32(x) - m) / 2 ** case["x_exponent"])
        for x, m in zip(vector, case["mean"], strict=True)
    ]


def sid_of(symbols):
    return int.from_bytes(bytes(symbols), "big")


def symbols_of_digits(x, case):
    """Choose digit by digit, for codebooks of digits alone."""
    basis, shift = case["basis"], case["x_exponent"] - case["basis_exponent"]
    ternary = [byte["kind"] == "ternary" for byte in case["bytes"] for _ in byte["radices"]]
    b = [0] * len(basis)
    for _ in range(1 + case["sweeps"]):
        for k, v in enumerate(basis):
            others = sum(b[n] * dot(row, v) for n, row in enumerate(basis) if n != k)
            p, g = 2**shift * dot(x, v) - others, dot(v, v)
            if ternary[k]:
                b[k] = 1 if 2 * p > g else -1 if 2 * p < -g else 0
            else:
                b[k] = 1 if p > 0 else -1
    digits, symbols = iter(b), []
    for byte in case["bytes"]:
        values = [
            digit + 1 if radix == 3 else (digit + 1) // 2
            for radix, digit in zip(byte["radices"], digits, strict=False)
        ]
        places = [math.prod(byte["radices"][:n]) for n in range(len(values))]
        symbols.append(dot(values, places))
    return symbols


def symbols_of_beam(x, case):
    """Keep the cheapest partial codes, then choose each byte again."""
    tables, shift = tables_of(case), case["x_exponent"] - case["basis_exponent"]

    def more(row, sum_of_others):
        return dot(row, row) - 2 * 2**shift * dot(x, row) + 2 * dot(row, sum_of_others)

    kept = [(0, [], [0] * len(x))]
    for table in tables:
        grown = [
            (cost + more(row, total), place, symbol)
            for place, (cost, _, total) in enumerate(kept)
            for symbol, row in enumerate(table)
        ]
        kept = [
            (cost, [*kept[place][1], symbol], added(kept[place][2], table[symbol]))
            for cost, place, symbol in sorted(grown)[: case["beam"]]
        ]
    _, symbols, total = kept[0]
    for _ in range(case["sweeps"]):
        for byte, table in enumerate(tables):
            others = added(total, times(-1, table[symbols[byte]]))
            costs = [more(row, others) for row in table]
            symbols[byte] = costs.index(min(costs))
            total = added(others, table[symbols[byte]])
    return symbols


@pytest.mark.parametrize(
    "case", VECTORS["digits"], ids=lambda case: f"{len(case['digits'])} digits"
)
def test_digits_make_the_bytes_and_the_sid(case):
    values = [digit + 1 for digit in case["digits"]]
    sizes = [5] * 8
    if len(case["bytes"]) == 8:
        sizes[0] = 4
    symbols, start = [], 0
    for size in sizes[: len(case["bytes"])]:
        part = values[start : start + size]
        symbols.append(sum(value * 3**place for place, value in enumerate(part)))
        start += size
    assert symbols == case["bytes"]
    assert sid_of(symbols) == case["sid"]
    assert pack_digits([case["digits"]]).tolist() == [case["sid"]]
    assert sids_to_bytes([case["sid"]], len(symbols)).tolist() == [symbols]


@CODEBOOKS
def test_vectors_have_the_sids_of_the_page(case):
    kinds = {byte["kind"] for byte in case["bytes"]}
    search = symbols_of_beam if "centroids" in kinds else symbols_of_digits
    for values, sid in zip(case["vectors_int"], case["sids"], strict=True):
        vector = times(case["vectors_scale"], values)
        assert sid_of(search(grid_of(vector, case), case)) == sid


@CODEBOOKS
def test_sids_decode_to_the_bits_of_the_page(case):
    tables = tables_of(case)
    for sid, decoded in zip(case["sids"], case["decoded_hex"], strict=True):
        symbols = sid.to_bytes(len(tables), "big")
        total = added(*(table[s] for table, s in zip(tables, symbols, strict=True)))
        scaled = times(2.0 ** case["basis_exponent"], total)
        x_hat = [float32(a + m) for a, m in zip(scaled, case["mean"], strict=True)]
        assert struct.pack(f"<{len(x_hat)}f", *x_hat).hex() == decoded


@CODEBOOKS
def test_the_id_is_the_hash_of_the_content(case):
    names = ("collections", "bytes", "beam", "sweeps", "x_exponent", "basis_exponent")
    content = {"format": VECTORS["format"]} | {name: case[name] for name in names}
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    digest = hashlib.sha256(text.encode())
    for row in case["basis"]:
        digest.update(struct.pack(f"<{len(row)}h", *row))
    digest.update(struct.pack(f"<{len(case['mean'])}f", *case["mean"]))
    assert digest.hexdigest()[:32] == case["codebook_id"]
