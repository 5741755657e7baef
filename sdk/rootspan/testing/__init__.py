"""For tests of programs that use rootspan: `capture()` in memory, `Receiver` over a real wire."""

from rootspan.testing.capture import Captured, CapturedLog, CapturedSpan, capture
from rootspan.testing.clock import FixedClock
from rootspan.testing.receiver import Receiver, attributes_of

__all__ = ["Captured", "CapturedLog", "CapturedSpan", "FixedClock", "Receiver", "attributes_of", "capture"]
