"""Incidents as the store keeps them: read with filters, written whole, the newest version of each counts."""

import json
from collections.abc import Mapping
from typing import cast

from rootspan_analysis.reader import Reader
from rootspan_analysis.rows import Client, rows_of, timestamp, write
from rootspan_analysis.watch.incident import (
    BlastRadius,
    Breach,
    Incident,
    IncidentImpact,
    ObjectiveKind,
    Severity,
    State,
)
from rootspan_analysis.watch.queries import run

__all__ = ["incident", "incidents", "write_incident"]


def incidents(
    client: Reader,
    *,
    from_ns: int = 0,
    to_ns: int | None = None,
    state: State | None = None,
    service: str | None = None,
    limit: int = 200,
) -> tuple[Incident, ...]:
    """Incidents that were open at some time in a window, newest onset first, without their explanations.

    Args:
        client: A clickhouse-connect client of the store's database, or anything with its `query_arrow`.
        from_ns, to_ns: Unix nanoseconds, half-open; all times if left out. An open one ends never.
        state: `open` or `closed` only.
        service: Only those with a breached objective of this service.
        limit: Most to return.

    Returns:
        May be empty; `explanation` is None in each (see `incident`).

    Raises:
        StoreError: The store did not answer, or has no such table yet (`rootspan migrate`).
    """
    return _read(
        client,
        id_="",
        from_ns=from_ns,
        to_ns=to_ns or 0,
        state=state or "",
        service=service or "",
        limit=limit,
        with_explanation=0,
    )


def incident(client: Reader, incident_id: str) -> Incident | None:
    """One incident with its explanation; None if there is none of this id.

    Raises:
        StoreError: As `incidents`.
    """
    found = _read(
        client, id_=incident_id, from_ns=0, to_ns=0, state="", service="", limit=1, with_explanation=1
    )
    return found[0] if found and incident_id else None


def write_incident(client: Client, one: Incident) -> None:
    """Store a state of an incident. The state with the largest `updated_ns` is the one that is read.

    Raises:
        StoreError: The store did not take it.
    """
    lead, impact, blast = one.lead, one.impact, one.blast
    row = {
        "Id": one.id,
        "Onset": timestamp(one.onset_ns),
        "Opened": timestamp(one.opened_ns),
        "Updated": timestamp(one.updated_ns),
        "Closed": timestamp(one.closed_ns or 0),
        "State": one.state,
        "Severity": one.severity,
        "Kind": lead.kind,
        "Service": lead.service,
        "Operation": lead.operation,
        "Job": lead.job,
        "Title": one.title,
        "Observed": lead.observed,
        "Expected": lead.expected,
        "Unit": lead.unit,
        "Symptoms": json.dumps([each.to_json() for each in one.breaches], ensure_ascii=False),
        "Verdict": one.verdict,
        "Causes": json.dumps([dict(each) for each in one.causes], ensure_ascii=False),
        "Explanation": json.dumps(dict(one.explanation or {}), ensure_ascii=False),
        "Requests": impact.requests,
        "BadRequests": impact.bad_requests,
        "Errors": impact.errors,
        "ExcessSeconds": impact.excess_s,
        "GpuHours": impact.gpu_hours,
        "Services": list(blast.services),
        "Hosts": blast.hosts,
        "Regions": list(blast.regions),
        "EngineVersion": one.engine_version,
    }
    write(client, "rootspan_incidents", [row])


def _read(
    client: Reader,
    *,
    id_: str,
    from_ns: int,
    to_ns: int,
    state: str,
    service: str,
    limit: int,
    with_explanation: int,
) -> tuple[Incident, ...]:
    table = run(
        client,
        "incidents",
        {
            "id": id_,
            "from_ns": from_ns,
            "to_ns": to_ns,
            "state": state,
            "service": service,
            "limit": limit,
            "with_explanation": with_explanation,
        },
    )
    return tuple(_incident(row) for row in rows_of(table))


def _incident(row: Mapping[str, object]) -> Incident:
    breaches = tuple(_breach(one) for one in json.loads(str(row["symptoms"])))
    closed = _whole(row["closed_ns"])
    explanation = json.loads(str(row["explanation"])) if row["explanation"] else None
    return Incident(
        id=str(row["id"]),
        state=cast(State, str(row["state"])),
        severity=cast(Severity, str(row["severity"])),
        title=str(row["title"]),
        onset_ns=_whole(row["onset_ns"]),
        opened_ns=_whole(row["opened_ns"]),
        updated_ns=_whole(row["updated_ns"]),
        closed_ns=closed or None,
        lead=breaches[0],
        breaches=breaches,
        verdict=str(row["verdict"]),
        causes=tuple(json.loads(str(row["causes"]))),
        impact=IncidentImpact(
            requests=_whole(row["requests"]),
            bad_requests=_whole(row["bad_requests"]),
            errors=_whole(row["errors"]),
            excess_s=_real(row["excess_s"]),
            gpu_hours=_real(row["gpu_hours"]),
        ),
        blast=BlastRadius(
            services=tuple(cast(list[str], row["services"])),
            hosts=_whole(row["hosts"]),
            regions=tuple(cast(list[str], row["regions"])),
        ),
        explanation=explanation or None,
        engine_version=str(row["engine_version"]),
    )


def _breach(told: Mapping[str, object]) -> Breach:
    return Breach(
        kind=cast(ObjectiveKind, str(told["kind"])),
        service=str(told["service"]),
        operation=str(told["operation"]),
        job=str(told["job"]),
        observed=_real(told["observed"]),
        expected=_real(told["expected"]),
        unit=str(told["unit"]),
        since_ns=_whole(told["since_unix_ns"]),
        configured=bool(told["configured"]),
        text=str(told["text"]),
    )


def _whole(value: object) -> int:
    return int(cast(int, value))


def _real(value: object) -> float:
    return float(cast(float, value))
