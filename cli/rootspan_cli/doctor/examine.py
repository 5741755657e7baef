"""Makes all checks in order; what cannot be reached is a finding, never an error."""

import time
from importlib.metadata import version
from typing import TYPE_CHECKING, Final

from rootspan_analysis.telemetry import balance
from rootspan_cli.collector_channel import CollectorAddress
from rootspan_cli.doctor.balance_checks import Reading, check_balance, is_balanced
from rootspan_cli.doctor.collector_checks import check_collector, check_log
from rootspan_cli.doctor.collector_status import CollectorStatus, CollectorUnreachable, read_status
from rootspan_cli.doctor.keeping_checks import check_keeping
from rootspan_cli.doctor.refusal_checks import check_refusals
from rootspan_cli.doctor.report import Check, Report
from rootspan_cli.doctor.store_checks import (
    check_clock,
    check_disk,
    check_rows,
    check_schema,
    check_server,
)
from rootspan_cli.errors import words_of
from rootspan_store.client import StoreUrl, connect, store_errors
from rootspan_store.errors import StoreError

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

__all__ = ["examine"]

_SETTLE_S: Final = 8.0
"""Collectors tell the store their counters every 5 s; one that cannot be asked itself gets time to do so."""
_SETTLE_EVERY_S: Final = 0.5


def examine(store: StoreUrl, collector: CollectorAddress) -> Report:
    """Look at the store, at the collector, and at the balance between them.

    Takes up to 8 s longer where the balance does not add up at once.
    """
    live, unreachable = _ask(collector)
    checks = _store_checks(store, live, collector)
    if live is None:
        step = "start it with `rootspan collector`, or name its address with --collector"
        # gRPC nests reasons from the general to the particular; the last says what the system said.
        reason = unreachable.rpartition(": ")[2]
        checks.append(
            Check("collector", False, f"no collector answers at {collector.target}: {reason}", step)
        )
    else:
        checks += [check_collector(live, collector.target, own_version=version("rootspan")), check_log(live)]
        checks.append(check_refusals(live, now_unix_s=time.time()))
    return Report(tuple(checks))


def _store_checks(store: StoreUrl, live: CollectorStatus | None, collector: CollectorAddress) -> list[Check]:
    checks: list[Check] = []
    try:
        client = connect(store)
        try:
            with store_errors(store):
                checks.append(check_server(client, store.base))
                checks.append(check_clock(client))
                schema = check_schema(client)
                checks += [schema, check_disk(client)]
                if schema.is_ok:
                    checks += [check_rows(client), check_keeping(client)]
                    checks += _balance_checks(client, live, collector)
        finally:
            client.close()
    except StoreError as err:
        # These errors end with the next step.
        said, _, step = words_of(err).rpartition("; ")
        checks.append(Check("store", False, said or step, step))
    return checks


def _balance_checks(
    client: "Client", live: CollectorStatus | None, collector: CollectorAddress
) -> list[Check]:
    earlier = Reading(balance(client), live)
    deadline_s = time.monotonic() + _SETTLE_S
    while True:
        ledger = balance(client)
        later = Reading(ledger, _ask(collector)[0] if live is not None else None)
        if is_balanced(earlier, later) or time.monotonic() >= deadline_s:
            return check_balance(earlier, later)
        time.sleep(_SETTLE_EVERY_S)


def _ask(collector: CollectorAddress) -> tuple[CollectorStatus | None, str]:
    try:
        return read_status(collector), ""
    except CollectorUnreachable as err:
        return None, str(err)
