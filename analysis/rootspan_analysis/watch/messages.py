"""What receivers are told of an incident: a webhook's object, and Alertmanager's alerts (API v2).

Pure. Owns what makes a message new to a receiver, and the labels that Alertmanager knows an alert by.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Final

from rootspan_analysis.question import NS_PER_S
from rootspan_analysis.watch.incident import Incident
from rootspan_analysis.watch.live import first_cause
from rootspan_analysis.watch.objectives import Receiver

__all__ = ["ALERT_LASTS_S", "RESEND_S", "Message", "Told", "message_for"]

RESEND_S: Final = 50.0
"""Alertmanager forgets alerts that are not repeated."""
ALERT_LASTS_S: Final = 300
"""An alert says that it ends this long after it was sent: it resolves by itself if no watcher is left."""
_EVIDENCE: Final = 3


@dataclass(frozen=True, slots=True)
class Told:
    """What a receiver was told last of an incident.

    Attributes:
        event: `opened`, `updated` or `resolved`.
        fingerprint: Of what it was told, and the alert's labels, as JSON.
        sent_ns: When it took it.
    """

    event: str
    fingerprint: str
    sent_ns: int


@dataclass(frozen=True, slots=True)
class Message:
    """One POST.

    Attributes:
        url, headers, body: Of the request.
        event, fingerprint: What will have been told, see `Told`.
    """

    url: str
    headers: Mapping[str, str]
    body: bytes
    event: str
    fingerprint: str


def message_for(found: Incident, receiver: Receiver, told: Told | None, *, now_ns: int) -> Message | None:
    """What to send now; None if the receiver knows it already.

    Args:
        told: The last thing that it took; None: it knows nothing of this incident.
    """
    event = "resolved" if found.state == "closed" else "updated" if told else "opened"
    if told is not None and told.event == "resolved":
        return None
    fingerprint = json.dumps(
        {"content": _content(found), "labels": _labels(found)}, ensure_ascii=False, sort_keys=True
    )
    is_known = told is not None and told.fingerprint == fingerprint and event != "resolved"
    if receiver.kind == "webhook":
        if is_known:
            return None
        body = json.dumps(
            {"version": 1, "event": event, "link": _link(found, receiver), "incident": found.to_json()},
            ensure_ascii=False,
        )
        headers = {"X-Rootspan-Event": event, "Idempotency-Key": f"{found.id}-{event}-{_digest(fingerprint)}"}
        return Message(receiver.url, _headers(receiver, headers), body.encode(), event, fingerprint)
    if is_known and told is not None and now_ns - told.sent_ns < RESEND_S * NS_PER_S:
        return None
    alerts = [_alert(found, receiver, _labels(found), now_ns=now_ns)]
    before = json.loads(told.fingerprint)["labels"] if told else None
    if before is not None and before != _labels(found):
        # Other labels are another alert to Alertmanager: the one before is over.
        alerts.append({**_alert(found, receiver, before, now_ns=now_ns), "endsAt": _rfc3339(now_ns)})
    url = receiver.url.rstrip("/") + "/api/v2/alerts"
    return Message(url, _headers(receiver, {}), json.dumps(alerts).encode(), event, fingerprint)


def _headers(receiver: Receiver, own: Mapping[str, str]) -> dict[str, str]:
    return {"Content-Type": "application/json", "User-Agent": "rootspan", **own, **receiver.headers}


def _content(found: Incident) -> str:
    """Changes when something did that a person would want to hear of; not with each second of it."""
    telling = (
        found.state,
        found.severity,
        found.verdict,
        repr(first_cause(found)),
        sorted(found.blast.services),
    )
    return _digest(repr(telling))


def _digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()[:16]


def _labels(found: Incident) -> dict[str, str]:
    lead = found.lead
    labels = {
        "alertname": "RootspanIncident",
        "incident": found.id,
        "severity": found.severity,
        "service": lead.service,
        "job_id": lead.job,
    }
    return {name: value for name, value in labels.items() if value}


def _alert(
    found: Incident, receiver: Receiver, labels: Mapping[str, str], *, now_ns: int
) -> dict[str, object]:
    ends_ns = found.closed_ns if found.closed_ns else now_ns + ALERT_LASTS_S * NS_PER_S
    alert: dict[str, object] = {
        "labels": dict(labels),
        "annotations": {
            "summary": found.title,
            "description": "\n".join([found.lead.text, *_evidence(found)]),
            "verdict": found.verdict,
            "services": ", ".join(found.blast.services),
        },
        "startsAt": _rfc3339(found.onset_ns),
        "endsAt": _rfc3339(ends_ns),
    }
    link = _link(found, receiver)
    return {**alert, "generatorURL": link} if link else alert


def _evidence(found: Incident) -> list[str]:
    if not found.causes:
        return []
    told = found.causes[0].get("evidence")
    return [str(one.get("text", "")) for one in told[:_EVIDENCE]] if isinstance(told, list) else []


def _link(found: Incident, receiver: Receiver) -> str:
    return receiver.link.replace("{id}", found.id)


def _rfc3339(unix_ns: int) -> str:
    moment = datetime.fromtimestamp(unix_ns // NS_PER_S, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{unix_ns % NS_PER_S // 1_000_000:03d}Z"
