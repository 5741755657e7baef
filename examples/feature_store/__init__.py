"""A replicated feature store, Redis' primary and replica with Sentinel's failover, and rankers that use it.

Start it by `python -m examples.feature_store`; it needs Debian's `redis-server` and `redis-sentinel`.
"""
