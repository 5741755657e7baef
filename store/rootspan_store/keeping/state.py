"""How far the keeper is, and what share it keeps. Reads only."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rootspan_store.client import store_errors
from rootspan_store.keeping.statements import query_settings, statement

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

__all__ = ["KeepingState", "keeping_state"]


@dataclass(frozen=True, slots=True)
class KeepingState:
    """Where the keeper stands. The counts are of what arrived in the last seven days and was decided.

    Attributes:
        position_s: What arrived before is decided, unix seconds of the store's clock; 0: nothing was yet.
        oldest_waiting_s: Seconds since the first row arrived that is not decided; 0: none is.
        kept_by_reason: Traces; one may have several reasons.
        took_s: Time that deciding and copying took.
    """

    position_s: int
    oldest_waiting_s: int
    windows: int
    spans: int
    kept_spans: int
    kept_traces: int
    kept_by_reason: Mapping[str, int]
    took_s: float

    @property
    def kept_ratio(self) -> float:
        """Share of the spans that are kept, 0-1."""
        return self.kept_spans / self.spans if self.spans else 0.0


def keeping_state(client: "Client") -> KeepingState:
    """Ask the client's database, which has this program's schema.

    Raises:
        StoreUnreachable, StoreRejected: The store's answer.
    """
    with store_errors():
        row = client.query(statement("state"), settings=query_settings()).result_rows[0]
        position_s, spans, kept_spans, kept_traces, reasons, took_ms, windows = row
        ((arrival_s, now_s),) = client.query(
            statement("next_arrival"), parameters={"from": position_s}, settings=query_settings()
        ).result_rows
    return KeepingState(
        position_s=int(position_s),
        oldest_waiting_s=int(now_s) - int(arrival_s) if arrival_s else 0,
        windows=int(windows),
        spans=int(spans),
        kept_spans=int(kept_spans),
        kept_traces=int(kept_traces),
        kept_by_reason={str(reason): int(count) for reason, count in reasons.items()},
        took_s=int(took_ms) / 1e3,
    )
