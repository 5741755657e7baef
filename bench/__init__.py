"""Benchmarks: each is run with `python -m bench.NAME` and prints the machine and a ratio."""
