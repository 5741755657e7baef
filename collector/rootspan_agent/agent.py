"""The agent itself: reads a bounded batch, sends it until it is acknowledged, remembers that, and goes on.

Owns that order, for lines and entries: it has one thread, and while it waits for the collector it reads
nothing. Metrics go their own way beside it.
"""

import logging
import threading
import time
from typing import Final

from rootspan_agent.delivery import Delivery
from rootspan_agent.encode import encode
from rootspan_agent.files import Pattern
from rootspan_agent.journal import Entry, Journal
from rootspan_agent.positions import JournalSlice, Plan, Positions
from rootspan_agent.readings import Readings
from rootspan_agent.scrape.scraper import Scraper
from rootspan_agent.settings import AgentSettings
from rootspan_agent.tail import Chunk
from rootspan_agent.tails import Tails

__all__ = ["Agent"]

_JOURNAL_ENTRIES: Final = 1000
_JOURNAL_S: Final = 1.0
"""Between two looks into the journal: each is a process."""
_log = logging.getLogger("rootspan.agent")


class Agent:
    """One agent. Its state folder is its alone while it runs.

    Attributes:
        n_sent: Records that the collector acknowledged, since the start.
        n_scraped: Series of metrics that it took; told at the end.
    """

    def __init__(self, settings: AgentSettings) -> None:
        """Take the state folder.

        Raises:
            StateError: Another agent has it.
        """
        self._settings = settings
        self._positions = Positions(settings.state)
        self._tails = Tails([Pattern(one) for one in settings.files], self._positions)
        self._journal = Journal(settings.journal_folder)
        self._delivery = Delivery(
            settings.endpoint,
            ca=settings.ca,
            token=settings.token,
            refused=settings.state / "refused",
            refused_bytes=settings.refused_bytes,
        )
        self._numbers = time.time_ns()
        self._scanned_at = self._journal_at = float("-inf")
        self.n_sent = self.n_scraped = 0

    @property
    def n_refused(self) -> int:
        """Records that the collector refused for good, since the start."""
        return self._delivery.n_refused

    def run(self, stopping: threading.Event, *, once: bool = False) -> None:
        """Read and send until `stopping` is set.

        Args:
            once: End, too, when all that is there now has been sent.

        Raises:
            AgentError, OSError: It cannot go on.
        """
        readings = Readings(self._settings)
        scrapers = [Scraper(target, self._settings) for target in self._settings.scrape]
        try:
            if not once:  # gauges of a moment say nothing
                readings.start()
            for one in scrapers:
                one.start()
            reads_journal = self._begin_journal()
            self._scan()
            if self._send_again(stopping):
                self._follow(stopping, reads_journal=reads_journal, once=once)
        finally:
            readings.stop()
            for one in scrapers:
                one.stop()
            self.n_scraped = sum(one.n_sent for one in scrapers)
            self._tails.close()
            self._delivery.close()
            self._positions.close()

    def _follow(self, stopping: threading.Event, *, reads_journal: bool, once: bool) -> None:
        while not stopping.is_set():
            if time.monotonic() - self._scanned_at >= self._settings.rescan_s:
                self._scan()
            chunks, is_rotated = self._tails.read(self._settings.batch_bytes)
            if is_rotated:
                self._scan()
            entries = self._entries() if reads_journal else []
            if not chunks and not entries:
                if once and not is_rotated:
                    return
                stopping.wait(self._settings.poll_s)
            elif not self._send(self._planned(chunks, entries), chunks, entries, stopping):
                return

    def _planned(self, chunks: list[Chunk], entries: list[Entry]) -> Plan:
        journal = None
        if entries:
            last = str(entries[-1]["__CURSOR"])
            journal = JournalSlice(self._positions.journal, len(entries), last)
        self._numbers += 1
        return Plan(self._numbers, time.time_ns(), tuple(one.slice for one in chunks), journal)

    def _send(self, plan: Plan, chunks: list[Chunk], entries: list[Entry], stopping: threading.Event) -> bool:
        """Whether it is acknowledged and remembered; if not, it stays planned for the next start."""
        self._positions.begin(plan)
        body, n_records = encode(
            chunks,
            entries,
            host=self._settings.host,
            observed_ns=plan.observed_ns,
            number=plan.number,
        )
        if n_records and not self._delivery.deliver(body, n_records, stopping):
            return False
        self._positions.commit(plan)
        self._tails.advance(plan)
        self.n_sent += n_records
        return True

    def _send_again(self, stopping: threading.Event) -> bool:
        """Send what an agent was sending when it ended: the same bytes, if they still exist."""
        plan = self._positions.sending
        if plan is None:
            return True
        chunks = list(self._tails.again(plan))
        entries: list[Entry] = []
        if plan.journal is not None:
            entries = self._journal.read(plan.journal.after, plan.journal.count)
        return self._send(plan, chunks, entries, stopping)

    def _begin_journal(self) -> bool:
        """Whether the journal is to be read; at the very first start it may begin at its end."""
        wanted = self._settings.journal
        if wanted is False:
            return False
        if not self._journal.works():
            if wanted:
                _log.warning("the journal is asked for, but journalctl shows this user no entry of it")
            return bool(wanted)
        if self._positions.is_new and self._settings.begin == "end":
            self._positions.set_journal(self._journal.last_cursor())
        return True

    def _entries(self) -> list[Entry]:
        now = time.monotonic()
        if now - self._journal_at < _JOURNAL_S:
            return []
        found = self._journal.read(self._positions.journal, _JOURNAL_ENTRIES)
        if len(found) < _JOURNAL_ENTRIES:
            self._journal_at = now
        return found

    def _scan(self) -> None:
        self._scanned_at = time.monotonic()
        is_first = self._positions.is_new
        new = self._tails.scan(at_end=is_first and self._settings.begin == "end")
        if is_first:
            self._positions.remember(new)
