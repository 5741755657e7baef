"""Looks at the store: who answers, its schema, its clock, its disk, its rows. Changes nothing."""

import time
from collections.abc import Mapping
from importlib.resources import files
from typing import TYPE_CHECKING, Final

from rootspan_cli.doctor.report import Check
from rootspan_store.schema import applied_version, load_migrations

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

__all__ = ["check_clock", "check_disk", "check_rows", "check_schema", "check_server"]

_CLOCK_LIMIT_S: Final = 2.0
_LEAST_FREE_BYTES: Final = 1 << 30
_LEAST_FREE_SHARE: Final = 0.05


def check_server(client: "Client", place: str) -> Check:
    """Who answers, and how fast."""
    began = time.monotonic()
    row = _rows(client, "server")[0]
    took_ms = (time.monotonic() - began) * 1e3
    facts = {"version": row["Version"], "answer_ms": round(took_ms, 1)}
    return Check(
        "store", True, f"ClickHouse {row['Version']} at {place}, answers in {took_ms:.0f} ms", facts=facts
    )


def check_schema(client: "Client") -> Check:
    """Whether the database's schema is this program's."""
    found, known = applied_version(client), load_migrations()[-1].version
    facts = {"found": found, "known": known}
    if found == known:
        return Check("schema", True, f"version {found}", facts=facts)
    if found > known:
        step = "a newer rootspan migrated this database: upgrade this program"
    else:
        step = "run `rootspan migrate` with this --store"
    return Check("schema", False, f"version {found}, this program knows {known}", step, facts)


def check_clock(client: "Client") -> Check:
    """Whether the store's clock and this machine's agree."""
    before_ms = time.time_ns() / 1e6
    there_ms = float(str(_rows(client, "server")[0]["NowUnixMs"]))
    after_ms = time.time_ns() / 1e6
    # The server looked at its clock somewhere between; only what lies beyond is a difference.
    ahead_s = (max(0.0, there_ms - after_ms) + min(0.0, there_ms - before_ms)) / 1e3
    is_ok = abs(ahead_s) <= _CLOCK_LIMIT_S
    where = "ahead of" if ahead_s > 0 else "behind"
    said = "agrees with this machine's" if is_ok else f"{abs(ahead_s):.1f} s {where} this machine's"
    step = (
        "" if is_ok else "synchronise the clocks (NTP): windows such as --last 15m miss what they should show"
    )
    return Check("clock", is_ok, said, step, {"ahead_s": round(ahead_s, 3)})


def check_disk(client: "Client") -> Check:
    """What the tables take, and what is left."""
    tables = [(str(row["Table"]), _whole(row["Bytes"])) for row in _table_rows(client)]
    used = sum(size for _, size in tables)
    disks = [
        (str(r["Disk"]), _whole(r["FreeBytes"]), _whole(r["TotalBytes"])) for r in _rows(client, "disks")
    ]
    short = [name for name, free, total in disks if free < max(_LEAST_FREE_BYTES, _LEAST_FREE_SHARE * total)]
    largest = ", ".join(f"{name} {_size(size)}" for name, size in tables[:3])
    free_words = ", ".join(f"{_size(free)} of {_size(total)} free" for _, free, total in disks)
    said = f"{_size(used)} used" + (f" ({largest})" if largest else "") + f"; {free_words}"
    step = ""
    if short:
        step = (
            f"disk {', '.join(short)} is nearly full: free space, or keep less (ROOTSPAN_RETENTION_RAW_DAYS)"
        )
    facts = {
        "used_bytes": used,
        "tables": dict(tables),
        "disks": {name: {"free_bytes": free, "total_bytes": total} for name, free, total in disks},
    }
    return Check("disk", not short, said, step, facts)


def check_rows(client: "Client") -> Check:
    """How much of each signal there is now: less than was stored once retention has taken some away."""
    text = files("rootspan_cli").joinpath("doctor", "sql", "rows.sql").read_text(encoding="utf-8")
    counts = dict.fromkeys(("traces", "logs", "metrics"), 0)
    for signal, count in client.query(text).result_rows:
        counts[str(signal)] += _whole(count)
    said = ", ".join(f"{count:,} {signal}" for signal, count in counts.items())
    return Check("rows", True, said, facts={"rows": counts})


def _table_rows(client: "Client") -> list[dict[str, object]]:
    return _rows(client, "tables", {"database": str(client.database)})


def _rows(
    client: "Client", name: str, parameters: Mapping[str, str] | None = None
) -> list[dict[str, object]]:
    text = files("rootspan_cli").joinpath("doctor", "sql", f"{name}.sql").read_text(encoding="utf-8")
    # The database in question may be missing: that is for the schema's check to say.
    result = client.query(text, parameters=dict(parameters or {}), settings={"database": "system"})
    return [dict(zip(result.column_names, row, strict=True)) for row in result.result_rows]


def _whole(value: object) -> int:
    return int(value) if isinstance(value, int | float) else 0


def _size(size_bytes: float) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if size_bytes < 1000:
            return f"{size_bytes:.0f} {unit}" if unit == "B" else f"{size_bytes:.1f} {unit}"
        size_bytes /= 1000
    return f"{size_bytes:.1f} TB"
