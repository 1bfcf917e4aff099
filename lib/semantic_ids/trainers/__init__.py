"""From a table of sequences to batches in torch, and from SIDs to vectors without a parameter."""

from semantic_ids.trainers.batch import Position, SequenceBatch
from semantic_ids.trainers.dataset import SequenceDataset
from semantic_ids.trainers.embedding import SIDEmbedding

__all__ = ["Position", "SIDEmbedding", "SequenceBatch", "SequenceDataset"]
