"""Keeping what matters: copies whole traces and training steps that outlive raw retention."""

from rootspan_store.keeping.keeper import Keeper, KeptWindow
from rootspan_store.keeping.running import keep_until
from rootspan_store.keeping.state import KeepingState, keeping_state

__all__ = ["Keeper", "KeepingState", "KeptWindow", "keep_until", "keeping_state"]
