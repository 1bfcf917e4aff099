"""Data, peers, limits and pictures of the benchmarks of quantisers."""
