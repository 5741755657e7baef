"""ClickHouse's HTTP sessions, as far as the embedded store has them: SET and USE that outlive a request.

A session is a record of settings and a database, applied to every request that names it; no engine handle is
pinned to it. Temporary tables are refused (guard.py), so nothing else could live in one.
"""

import threading
import time
from collections import OrderedDict
from dataclasses import dataclass, field, replace

from rootspan_store.errors import EngineError

__all__ = ["Session", "Sessions"]


@dataclass(frozen=True, slots=True)
class Session:
    """What a session remembers.

    Attributes:
        statements: SET statements in order, each with the names that it sets.
    """

    statements: tuple[tuple[tuple[str, ...], str], ...] = ()
    database: str | None = None
    expires_at: float = field(default=0.0, compare=False)


class Sessions:
    """The live sessions. Bounded: the one idle longest is forgotten first. Safe for many threads."""

    def __init__(self, *, timeout_s: float, most: int = 10_000, most_statements: int = 100) -> None:
        self._timeout_s = timeout_s
        self._most = most
        self._most_statements = most_statements
        self._lock = threading.Lock()
        self._sessions: OrderedDict[str, Session] = OrderedDict()

    def get(self, session_id: str | None, *, timeout_s: float | None, check: bool) -> Session:
        """Return the session and prolong it; an unknown one is new and empty.

        Raises:
            EngineError: 372, `check` is set and there is none.
        """
        if session_id is None:
            return Session()
        now = time.monotonic()
        with self._lock:
            session = self._sessions.pop(session_id, None)
            if session is not None and session.expires_at < now:
                session = None
            if session is None and check:
                raise EngineError.of(372, "SESSION_NOT_FOUND", f"Session {session_id} not found")
            session = replace(session or Session(), expires_at=now + (timeout_s or self._timeout_s))
            self._sessions[session_id] = session
            while len(self._sessions) > self._most:
                self._sessions.popitem(last=False)
        return session

    def remember(
        self,
        session_id: str | None,
        *,
        statement: tuple[tuple[str, ...], str] | None = None,
        database: str | None = None,
    ) -> None:
        """Add a SET statement or a database to a session; without a session both end with the request.

        Raises:
            EngineError: 48, the session holds too many statements.
        """
        if session_id is None:
            return
        with self._lock:
            session = self._sessions.get(session_id, Session())
            statements = session.statements
            if statement is not None:
                statements = (*(s for s in statements if s != statement), statement)
            if len(statements) > self._most_statements:
                raise EngineError.of(
                    48, "NOT_IMPLEMENTED", f"A session holds at most {self._most_statements} SET statements"
                )
            self._sessions[session_id] = replace(
                session, statements=statements, database=database or session.database
            )
