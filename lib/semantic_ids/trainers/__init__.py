"""From a table of sequences to batches in torch, and from SIDs to vectors without a parameter."""

from semantic_ids.trainers.batch import ExampleBatch, Position, SequenceBatch
from semantic_ids.trainers.dataset import SequenceDataset
from semantic_ids.trainers.embedding import SIDEmbedding
from semantic_ids.trainers.examples import ExampleDataset
from semantic_ids.trainers.histories import SequenceHistories

__all__ = [
    "ExampleBatch",
    "ExampleDataset",
    "Position",
    "SIDEmbedding",
    "SequenceBatch",
    "SequenceDataset",
    "SequenceHistories",
]
