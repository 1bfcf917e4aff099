"""Small rows to train fused codebooks on, drawn by a seed; and the real ones."""

import numpy as np
import pyarrow.parquet as pq

from semantic_ids.codebook import FusionSpec
from semantic_ids.fusion import FusionRows

SPEC = FusionSpec(
    collections={"text": 1.0, "image": 0.5},
    categories={"kind": 0.2, "mood": 0.1},
    digits=6,
    latent=8,
    hidden=(8,),
    epochs=5,
    batch_rows=64,
    rate=1e-3,
)


def arrays(n=400, seed=0):
    """Items of five kinds: two views of one hidden vector; some lack a view, some a category."""
    world, rng = np.random.default_rng(7), np.random.default_rng(seed)
    centres, to_text, to_image = (world.normal(size=(6, m)) for m in (6, 12, 9))
    kinds = rng.integers(0, 5, n)
    hidden = centres[kinds] + 0.5 * rng.normal(size=(n, 6))
    text = hidden @ to_text + 0.1 * rng.normal(size=(n, 12)) + 3
    image = hidden @ to_image + 0.1 * rng.normal(size=(n, 9))
    text[1::11], image[2::7] = np.nan, np.nan
    image[rng.random(n) < 0.02] = 0
    text[np.isnan(image).all(1) | (image == 0).all(1)] = 1.5
    scores = np.exp(hidden[:, :3])
    moods = scores / scores.sum(1, keepdims=True)
    moods[3::10] = np.nan
    labels = [None if i % 13 == 4 else f"kind {k}" for i, k in enumerate(kinds)]
    vectors = {"text": text.astype(np.float32), "image": image.astype(np.float32)}
    return vectors, {"kind": labels, "mood": moods}


def rows(n=400, seed=0, spec=SPEC):
    return FusionRows.of(*arrays(n, seed), spec)


def real(data, name):
    """Give the rows of a real data set and a spec for them."""
    table = pq.read_table(data / name / "items.parquet")
    columns = {
        "x_wines": ("label_embedding", "profile_embedding"),
        "online_retail": ("text_embedding", "copurchase_embedding"),
    }[name]
    vectors = {
        column: np.asarray(table[column].combine_chunks().flatten(), np.float32).reshape(
            len(table), -1
        )
        for column in columns
    }
    named = ("type", "country", "body", "acidity") if name == "x_wines" else ()
    spec = FusionSpec(
        collections=dict.fromkeys(columns, 1.0),
        categories=dict.fromkeys(named, 0.2),
        zero_is_missing=columns[1:] if name == "online_retail" else (),
        epochs=1,
    )
    categories = {category: table[category].to_pylist() for category in named}
    return FusionRows.of(vectors, categories, spec), spec
