"""Semantic IDs on Spark."""
