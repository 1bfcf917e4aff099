"""VQ fusion: several collections and categories of an item become one SID."""

from semantic_ids.fusion.distributed import read_codebook, train_rank, write_rows
from semantic_ids.fusion.measures import measure_rows
from semantic_ids.fusion.ranks import Ranks
from semantic_ids.fusion.rows import FusionRows
from semantic_ids.fusion.training import train

__all__ = [
    "FusionRows",
    "Ranks",
    "measure_rows",
    "read_codebook",
    "train",
    "train_rank",
    "write_rows",
]
