"""Training jobs: steps that all ranks share, phases, collectives, and what a rank tells when it hangs.

`train_step`, `phase`, `checkpoint` and `collective` also stand in `rootspan` itself. Importing this needs no
torch.
"""

from rootspan.training.loop import Batches, batches, train_step
from rootspan.training.phases import PHASES, checkpoint, collective, phase
from rootspan.training.watch import send_detail, set_detail, set_parallel, watch, watch_model

__all__ = [
    "PHASES",
    "Batches",
    "batches",
    "checkpoint",
    "collective",
    "phase",
    "send_detail",
    "set_detail",
    "set_parallel",
    "train_step",
    "watch",
    "watch_model",
]
