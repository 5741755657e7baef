"""A slow link between ranks: a delay below torch.distributed, where the network would be.

To be called before `rootspan.init`, so that what is recorded holds the delay as it would hold the network's.
The machine has no other link than loopback, and slowing that needs rights that an example does not ask for.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from typing import Any


def slow_down(operation: str, seconds: Callable[[tuple[Any, ...]], float]) -> None:
    """Have a function of torch.distributed take longer, by what `seconds` says for its arguments."""
    import torch.distributed as dist

    real = getattr(dist, operation)

    @functools.wraps(real)
    def slowed(*arguments: Any, **named: Any) -> Any:
        time.sleep(seconds((*arguments, *named.values())))
        return real(*arguments, **named)

    setattr(dist, operation, slowed)
