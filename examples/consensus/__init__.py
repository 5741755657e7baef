"""Five Raft nodes agree which model version serves; servers ask them for every request; faults to plant.

The nodes are PySyncObj's, real processes on loopback. Start it by `python -m examples.consensus`.
"""
