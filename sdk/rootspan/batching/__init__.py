"""Dynamic and continuous batching: N requests enter, one batch runs, and every request learns what it got.

ticket = batching.enqueue(units=len(prompt))      # where the request waits
with batching.batch(tickets, "model.forward"):    # where the batch runs
    ...
"""

from rootspan.batching.engine import Engine, Step
from rootspan.batching.once import batch
from rootspan.batching.ticket import Batch, Ticket, enqueue

__all__ = ["Batch", "Engine", "Step", "Ticket", "batch", "enqueue"]
