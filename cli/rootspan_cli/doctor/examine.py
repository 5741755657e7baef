"""Makes all checks in order; what cannot be reached is a finding, never an error."""

from importlib.metadata import version

from rootspan_analysis.telemetry import balance
from rootspan_cli.doctor.balance_checks import Snapshot, check_balance
from rootspan_cli.doctor.collector_checks import check_collector, check_log
from rootspan_cli.doctor.collector_status import CollectorStatus, CollectorUnreachable, read_status
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

__all__ = ["examine"]


def examine(store: StoreUrl, collector: str) -> Report:
    """Look at the store, at the collector at `host:port`, and at the balance between them."""
    before, unreachable = _ask(collector)
    checks = _store_checks(store, before, collector)
    if before is None:
        step = "start it with `rootspan collector`, or name its address with --collector"
        # gRPC nests reasons from the general to the particular; the last says what the system said.
        reason = unreachable.rpartition(": ")[2]
        checks.append(Check("collector", False, f"no collector answers at {collector}: {reason}", step))
    else:
        checks += [check_collector(before, collector, own_version=version("rootspan")), check_log(before)]
    return Report(tuple(checks))


def _store_checks(store: StoreUrl, before: CollectorStatus | None, collector: str) -> list[Check]:
    checks: list[Check] = []
    try:
        client = connect(store)
        try:
            with store_errors(store):
                checks.append(check_server(client, store.base))
                checks.append(check_clock(client))
                schema = check_schema(client)
                checks += [schema, check_disk(client), check_rows(client)]
                if schema.is_ok:
                    ledger = balance(client)
                    after, _ = _ask(collector) if before is not None else (None, "")
                    checks += check_balance(Snapshot(before, ledger, after))
        finally:
            client.close()
    except StoreError as err:
        # These errors end with the next step.
        said, _, step = words_of(err).rpartition("; ")
        checks.append(Check("store", False, said or step, step))
    return checks


def _ask(collector: str) -> tuple[CollectorStatus | None, str]:
    try:
        return read_status(collector), ""
    except CollectorUnreachable as err:
        return None, str(err)
