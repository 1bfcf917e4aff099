"""From a table of sequences to batches in torch, and from SIDs to vectors without a parameter."""

from semantic_ids.trainers.batch import ExampleBatch, Position, SequenceBatch
from semantic_ids.trainers.dataset import SequenceDataset
from semantic_ids.trainers.embedding import SIDEmbedding
from semantic_ids.trainers.examples import ExampleDataset
from semantic_ids.trainers.folding import FoldedEmbedding
from semantic_ids.trainers.head import SIDHead
from semantic_ids.trainers.histories import SequenceHistories
from semantic_ids.trainers.scores import sid_scores
from semantic_ids.trainers.similarity import SimilarityFeatures

__all__ = [
    "ExampleBatch",
    "ExampleDataset",
    "FoldedEmbedding",
    "Position",
    "SIDEmbedding",
    "SIDHead",
    "SequenceBatch",
    "SequenceDataset",
    "SequenceHistories",
    "SimilarityFeatures",
    "sid_scores",
]
