"""A small recommendation service as real processes, traced by the real SDK.

Start it by `python -m examples.recsys`.
"""
