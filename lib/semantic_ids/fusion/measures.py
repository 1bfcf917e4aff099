"""How good a fused codebook is on some rows: by collection and by category."""

import dataclasses
import math
from typing import Any

import numpy as np

from semantic_ids.codebook import Codebook, decode, encode, measure_category, relative_error
from semantic_ids.fusion.rows import FusionRows


def measure_rows(rows: FusionRows, codebook: Codebook) -> dict[str, Any]:
    """Measure a codebook on rows.

    Returns
    -------
    dict
        ``relative_errors`` by collection, of the rows that have it, None where these have no
        variance; ``categories``, by name what ``measure_category`` says of the rows that have one.
    """
    sids = encode(rows.vectors, codebook)
    errors = {}
    for name, x in rows.vectors.items():
        has = rows.present[name]
        decoded = decode(sids[has], codebook, collection=name)
        error = relative_error(x[has], decoded)
        errors[name] = error if math.isfinite(error) else None
    categories = {}
    for name, targets in rows.targets.items():
        known = targets >= 0 if targets.ndim == 1 else ~np.isnan(targets).any(axis=1)
        if known.any():
            found = measure_category(sids[known], targets[known], codebook, name)
            categories[name] = dataclasses.asdict(found)
    return {"relative_errors": errors, "categories": categories}
