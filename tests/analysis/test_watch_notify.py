"""Receivers are told over real HTTP: once, again until they take it, and when it is over."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from rootspan_analysis.watch import BlastRadius, Breach, Incident, IncidentImpact, Notifier, Receiver, Retries
from rootspan_analysis.watch.messages import RESEND_S, Told, message_for
from support.processes import wait_until
from support.written import WritableStore

S = 1_000_000_000
T0 = 1_795_341_600 * S
FAST = Retries(timeout_s=0.5, first_s=0.02, most_s=0.05, give_up_s=30, leave_s=1)


class Inbox:
    """An HTTP server that keeps what it is sent, and answers as it was told to."""

    def __init__(self) -> None:
        self.answers: list[int] = []
        self.hold = threading.Event()
        self.hold.set()
        self.seen: list[tuple[str, dict[str, str], Any]] = []
        inbox = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                inbox.hold.wait(5)
                status = inbox.answers.pop(0) if inbox.answers else 200
                inbox.seen.append((self.path, dict(self.headers.items()), body))
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def wait(self, count: int) -> None:
        wait_until(lambda: len(self.seen) >= count, timeout_s=10, what=f"{count} messages")

    def close(self) -> None:
        self.hold.set()
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def inbox() -> Iterator[Inbox]:
    opened = Inbox()
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def store() -> Iterator[WritableStore]:
    opened = WritableStore(database="notices")
    yield opened
    opened.close()


def an_incident(name: str) -> Incident:
    lead = Breach(
        "error_rate", "gateway", "POST /buy", "", 0.12, 0.001, "ratio", T0, False, "12 % of gateway fail"
    )
    cause = {
        "rank": 1,
        "fault": "error",
        "entity": {"service.name": "payments", "host.name": "p-7"},
        "evidence": [{"signal": "trace", "text": "40 % of Pay on p-7 fail there first", "sql": "SELECT 1"}],
    }
    return Incident(
        name, "open", "major", "error: payments p-7", T0, T0 + 30 * S, T0 + 30 * S, None, lead, (lead,),
        "cause_found", (cause,), IncidentImpact(900, 100, 100, 0.0), BlastRadius(("gateway",), 3, ("eu",)),
        {"took_ms": 3}, "0.1.0",
    )  # fmt: skip


def test_a_webhook_is_told_of_the_beginning_of_what_changes_and_of_the_end(
    store: WritableStore, inbox: Inbox
) -> None:
    said: list[str] = []
    found = an_incident("whole-life")
    receiver = Receiver(
        "webhook", inbox.url + "/hook", {"Authorization": "Bearer t"}, link="http://ui/?incident={id}"
    )
    with Notifier(store, [receiver], said.append, retries=FAST) as notifier:
        notifier.offer(found)
        inbox.wait(1)
        notifier.offer(replace(found, impact=IncidentImpact(9000, 1000, 1000, 0.0)))
        notifier.offer(replace(found, severity="critical"))
        inbox.wait(2)
        notifier.offer(replace(found, severity="critical", state="closed", closed_ns=T0 + 90 * S))
        inbox.wait(3)
    path, headers, first = inbox.seen[0]
    assert path == "/hook"
    assert headers["Authorization"] == "Bearer t"
    assert headers["Content-Type"] == "application/json"
    assert first["link"] == "http://ui/?incident=whole-life"
    assert first["incident"]["causes"][0]["entity"]["host.name"] == "p-7"
    assert [body["event"] for _, _, body in inbox.seen] == ["opened", "updated", "resolved"]
    assert len({headers["Idempotency-Key"] for _, headers, _ in inbox.seen}) == 3
    assert inbox.seen[2][2]["incident"]["closed_unix_ns"] == T0 + 90 * S
    assert said == []


def test_what_is_not_taken_is_sent_again_and_a_slow_receiver_holds_up_nobody(
    store: WritableStore, inbox: Inbox
) -> None:
    slow, said = Inbox(), list[str]()
    slow.hold.clear()
    try:
        inbox.answers = [503, 429]
        receivers = [Receiver("webhook", slow.url), Receiver("webhook", inbox.url)]
        with Notifier(store, receivers, said.append, retries=FAST) as notifier:
            notifier.offer(an_incident("again"))
            inbox.wait(3)
            assert slow.seen == []
            slow.hold.set()
            slow.wait(1)
    finally:
        slow.close()
    assert [body["event"] for _, _, body in inbox.seen] == ["opened"] * 3
    assert sum("HTTP 503" in line for line in said) == 1, "said once, not at each try"


def test_a_refusal_for_good_is_said_and_not_repeated(store: WritableStore, inbox: Inbox) -> None:
    said: list[str] = []
    inbox.answers = [401]
    with Notifier(
        store, [Receiver("webhook", inbox.url, name="pager")], said.append, retries=FAST
    ) as notifier:
        notifier.offer(an_incident("refused"))
        wait_until(lambda: bool(said), timeout_s=5, what="the refusal is told")
    assert len(inbox.seen) == 1
    assert said == ["pager was not told of incident refused: HTTP 401 Unauthorized"]


def test_a_watcher_that_starts_again_repeats_nothing(store: WritableStore, inbox: Inbox) -> None:
    found, receiver = an_incident("restart"), Receiver("webhook", inbox.url)
    for _ in range(2):
        with Notifier(store, [receiver], print, retries=FAST) as notifier:
            notifier.offer(found)
    with Notifier(store, [receiver], print, retries=FAST) as notifier:
        notifier.offer(replace(found, state="closed", closed_ns=T0 + 60 * S))
    assert [body["event"] for _, _, body in inbox.seen] == ["opened", "resolved"]


def test_a_receiver_that_is_not_there_costs_a_bounded_wait_at_the_end(store: WritableStore) -> None:
    said: list[str] = []
    gone = Inbox()
    gone.close()
    with Notifier(store, [Receiver("webhook", gone.url)], said.append, retries=FAST) as notifier:
        notifier.offer(an_incident("nobody"))
        wait_until(lambda: bool(said), timeout_s=5, what="the trouble is told")
    assert "nobody" in said[0]
    assert "refused" in said[0]


def test_alertmanager_gets_alerts_in_its_own_form(store: WritableStore, inbox: Inbox) -> None:
    with Notifier(store, [Receiver("alertmanager", inbox.url + "/")], print, retries=FAST) as notifier:
        notifier.offer(an_incident("am"))
        inbox.wait(1)
        notifier.offer(replace(an_incident("am"), state="closed", closed_ns=T0 + 90 * S))
        inbox.wait(2)
    path, _, (fired,) = inbox.seen[0]
    assert path == "/api/v2/alerts"
    assert fired["labels"] == {
        "alertname": "RootspanIncident",
        "incident": "am",
        "severity": "major",
        "service": "gateway",
    }
    assert fired["startsAt"] == "2026-11-22T10:00:00.000Z"
    assert "40 % of Pay on p-7" in fired["annotations"]["description"]
    (over,) = inbox.seen[1][2]
    assert over["labels"] == fired["labels"], "labels are what it is known by"
    assert over["endsAt"] == "2026-11-22T10:01:30.000Z"


def test_alertmanager_is_reminded_and_a_changed_label_ends_the_old_alert() -> None:
    receiver, found, now = Receiver("alertmanager", "http://am"), an_incident("labels"), T0 + 40 * S
    first = message_for(found, receiver, None, now_ns=now)
    assert first is not None
    told = Told(first.event, first.fingerprint, now)
    assert message_for(found, receiver, told, now_ns=now + 10 * S) is None
    again = message_for(found, receiver, told, now_ns=now + int((RESEND_S + 1) * S))
    assert again is not None
    assert len(json.loads(again.body)) == 1
    worse = message_for(replace(found, severity="critical"), receiver, told, now_ns=now + 10 * S)
    assert worse is not None
    new, old = json.loads(worse.body)
    assert (new["labels"]["severity"], old["labels"]["severity"]) == ("critical", "major")
    assert old["endsAt"] == "2026-11-22T10:00:50.000Z"
    assert new["endsAt"] > old["endsAt"]
