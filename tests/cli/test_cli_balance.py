"""Who owes what: the doctor's judgement of the ledger, on ledgers made by hand."""

import pytest

from rootspan_analysis.telemetry import Balance, CollectorCounters, SignalBalance, balance
from rootspan_cli.doctor.balance_checks import Reading, check_balance, is_balanced
from rootspan_cli.doctor.collector_status import CollectorStatus, SignalStatus


def counters(
    collector: str, *, accepted: int, stored: int, pending: int = 0, quarantined: int = 0
) -> CollectorCounters:
    return CollectorCounters(collector, "traces", accepted, stored, pending, quarantined, 0, "0.1.0", 0)


def ledger(stored: int, *rows: CollectorCounters, dropped: int = 0) -> Balance:
    return Balance({"traces": SignalBalance(stored=stored, dropped=dropped)}, 0, rows)


def live(
    collector: str, *, accepted: int, stored: int, pending: int = 0, quarantined: int = 0
) -> CollectorStatus:
    signal = SignalStatus(accepted, stored, pending, quarantined, 0, 0, 0.0, "")
    return CollectorStatus(collector, "0.1.0", 1.0, 0, 1, {"traces": signal})


def judged(earlier: Reading, later: Reading | None = None) -> tuple[bool, object]:
    (check,) = check_balance(earlier, later or earlier)
    assert check.is_ok == is_balanced(earlier, later or earlier)
    return check.is_ok, check.to_json()["missing"]


def test_all_stored_is_balanced() -> None:
    assert judged(Reading(ledger(100, counters("a", accepted=100, stored=100)), None)) == (True, 0)


def test_pending_and_quarantined_items_are_accounted_for() -> None:
    row = counters("a", accepted=100, stored=70, pending=20, quarantined=10)
    assert judged(Reading(ledger(70, row), None)) == (True, 0)


def test_what_the_engine_lacks_is_missing() -> None:
    assert judged(Reading(ledger(99, counters("a", accepted=100, stored=100)), None)) == (False, 1)


def test_what_nobody_accepted_is_too_much() -> None:
    assert judged(Reading(ledger(101, counters("a", accepted=100, stored=100)), None)) == (False, -1)


def test_a_stale_report_is_replaced_by_the_collectors_own_word() -> None:
    read = ledger(100, counters("a", accepted=10, stored=10))
    assert judged(Reading(read, live("a", accepted=100, stored=100))) == (True, 0)
    assert judged(Reading(read, None)) == (False, -90)


def test_a_stale_report_is_made_good_by_the_next_one() -> None:
    stale = Reading(ledger(100, counters("a", accepted=10, stored=10)), None)
    fresh = Reading(ledger(130, counters("a", accepted=130, stored=100, pending=30)), None)
    assert judged(stale, fresh) == (True, 0)


def test_what_rules_drop_is_accounted_for() -> None:
    row = counters("a", accepted=100, stored=100)
    assert judged(Reading(ledger(70, row, dropped=30), None)) == (True, 0)
    assert judged(Reading(ledger(70, row, dropped=29), None)) == (False, 1)
    assert judged(Reading(ledger(70, row, dropped=31), None)) == (False, -1)


def test_what_moves_while_it_is_read_is_not_called_missing() -> None:
    before = live("a", accepted=100, stored=40, pending=60)
    after = live("a", accepted=150, stored=120, pending=30)
    for engine in (40, 80, 120, 150):
        assert judged(Reading(ledger(engine), before), Reading(ledger(150), after)) == (True, 0)
    assert judged(Reading(ledger(39), before), Reading(ledger(150), after)) == (False, 1)
    assert judged(Reading(ledger(151), before), Reading(ledger(151), after)) == (False, -1)


def test_other_collectors_count_by_their_last_report() -> None:
    rows = (counters("a", accepted=1, stored=1), counters("b", accepted=50, stored=50))
    assert judged(Reading(ledger(150, *rows), live("a", accepted=100, stored=100))) == (True, 0)


class Canned:
    """Answers of the statements of the ledger, in order."""

    def __init__(self, *answers: list[tuple[object, ...]]) -> None:
        self._answers = iter(answers)

    def query(self, query: str) -> "Canned":
        assert query.count("SELECT")
        self.result_rows = next(self._answers)
        return self


def test_a_report_older_than_the_insert_does_not_count_items_twice() -> None:
    row = ("a", "logs", 100, 0, 100, 0, 0, "0.1.0", 0)
    read = balance(Canned([row], [("logs", 90)], [("logs", "health", 10)], [(3.0,)]))
    assert read.to_json() == {
        "accepted": 100,
        "stored": 90,
        "pending": 0,
        "quarantined": 0,
        "refused": 0,
        "dropped": 10,
        "dropped_by_senders": 3,
    }
    assert read.total.missing == 0


def test_a_ledger_that_is_no_number_is_a_defect() -> None:
    with pytest.raises(TypeError, match="number"):
        balance(Canned([], [("logs", "many")], []))
