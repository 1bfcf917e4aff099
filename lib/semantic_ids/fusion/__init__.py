"""VQ fusion: several collections and categories of an item become one SID."""

from semantic_ids.fusion.ranks import Ranks
from semantic_ids.fusion.rows import FusionRows
from semantic_ids.fusion.spec import FusionSpec
from semantic_ids.fusion.training import train

__all__ = ["FusionRows", "FusionSpec", "Ranks", "train"]
