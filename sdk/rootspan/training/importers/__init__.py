"""Files that PyTorch left behind, as telemetry: Flight Recorder dumps and Kineto traces.

    found = read_flight_recorder("/tmp/nccl_trace_rank_", job="llm-7b")
    send(found, "localhost:4317")

Reading runs nothing that a file holds. Needs no torch.
"""

from rootspan.training.importers.flight_recorder import read_flight_recorder
from rootspan.training.importers.kineto import read_kineto
from rootspan.training.importers.records import ImportedEvent, ImportedSpan, ImportFailedError, Recording
from rootspan.training.importers.send import send

__all__ = [
    "ImportFailedError",
    "ImportedEvent",
    "ImportedSpan",
    "Recording",
    "read_flight_recorder",
    "read_kineto",
    "send",
]
