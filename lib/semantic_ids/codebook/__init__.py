"""Semantic IDs as arithmetic on numpy arrays: fit, encode, decode, the wire format and files."""

from semantic_ids.codebook.churn import (
    GroupChurn,
    Moves,
    churn_by_group,
    moved_distances,
    summarise_moves,
)
from semantic_ids.codebook.codebook import Codebook
from semantic_ids.codebook.collisions import (
    Collisions,
    SeenGroup,
    SizeClass,
    collisions,
    needless_share,
)
from semantic_ids.codebook.counts import SidCounts, count_symbols
from semantic_ids.codebook.decoder import decode, decode_tables, digits_of, sids_of
from semantic_ids.codebook.drift import Divergence, ErrorRatio, error_drift, symbol_drift
from semantic_ids.codebook.encoder import encode
from semantic_ids.codebook.equal import Counted, count_equal, deal
from semantic_ids.codebook.faiss_index import to_faiss
from semantic_ids.codebook.files import load, load_file, save, save_file
from semantic_ids.codebook.fitting import fit
from semantic_ids.codebook.fused import latents_of, present_rows
from semantic_ids.codebook.fusion import Fusion
from semantic_ids.codebook.fusion_parts import Affine, Branch, Head, to_units
from semantic_ids.codebook.fusion_spec import FusionSpec
from semantic_ids.codebook.grid import choose_grid
from semantic_ids.codebook.heads import CategoryFit, measure_category, predict
from semantic_ids.codebook.ids import prefix_ids, token_vocabulary, tokens, unique_sids
from semantic_ids.codebook.information import PairInformation, pair_information
from semantic_ids.codebook.int8 import from_int8, to_int8
from semantic_ids.codebook.jackknife import jackknife_half_width
from semantic_ids.codebook.neighbours import Recall, neighbour_recall
from semantic_ids.codebook.normalized_entropy import (
    base_entropy,
    bootstrap_gains,
    log_losses,
    normalized_entropy,
)
from semantic_ids.codebook.purity import Purity, prefix_purity, tenths
from semantic_ids.codebook.quality import Errors, error_curve, measure_errors, relative_error
from semantic_ids.codebook.search import SIDIndex, distances, nearest, squared_norms
from semantic_ids.codebook.spec import CodebookSpec
from semantic_ids.codebook.tables import digit_tables
from semantic_ids.codebook.usage import Use, digit_counts, use_of
from semantic_ids.codebook.wire import (
    bytes_to_sids,
    null_sid,
    pack_digits,
    sids_to_bytes,
    unpack_digits,
)

__all__ = [
    "Affine",
    "Branch",
    "CategoryFit",
    "Codebook",
    "CodebookSpec",
    "Collisions",
    "Counted",
    "Divergence",
    "ErrorRatio",
    "Errors",
    "Fusion",
    "FusionSpec",
    "GroupChurn",
    "Head",
    "Moves",
    "PairInformation",
    "Purity",
    "Recall",
    "SIDIndex",
    "SeenGroup",
    "SidCounts",
    "SizeClass",
    "Use",
    "base_entropy",
    "bootstrap_gains",
    "bytes_to_sids",
    "choose_grid",
    "churn_by_group",
    "collisions",
    "count_equal",
    "count_symbols",
    "deal",
    "decode",
    "decode_tables",
    "digit_counts",
    "digit_tables",
    "digits_of",
    "distances",
    "encode",
    "error_curve",
    "error_drift",
    "fit",
    "from_int8",
    "jackknife_half_width",
    "latents_of",
    "load",
    "load_file",
    "log_losses",
    "measure_category",
    "measure_errors",
    "moved_distances",
    "nearest",
    "needless_share",
    "neighbour_recall",
    "normalized_entropy",
    "null_sid",
    "pack_digits",
    "pair_information",
    "predict",
    "prefix_ids",
    "prefix_purity",
    "present_rows",
    "relative_error",
    "save",
    "save_file",
    "sids_of",
    "sids_to_bytes",
    "squared_norms",
    "summarise_moves",
    "symbol_drift",
    "tenths",
    "to_faiss",
    "to_int8",
    "to_units",
    "token_vocabulary",
    "tokens",
    "unique_sids",
    "unpack_digits",
    "use_of",
]
