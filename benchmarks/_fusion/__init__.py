"""What benchmarks/fusion.py compares, and on what."""
