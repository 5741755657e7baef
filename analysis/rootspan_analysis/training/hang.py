"""Finds who hangs a job: reads what every rank still waits for, and names the ranks that the others wait for.

Owns the rules on pending communication. Two rules, from flight-recorder dumps of hung jobs:

1. A rank with nothing pending while its group waits never came: its host is stuck, or it is gone.
2. If everyone has something pending, a group's members stand at different sequence numbers. A collective ends
   for all or for none, so who is far behind has a GPU that no longer reports.

Point-to-point numbers count per rank, so they are compared by rule 1 only.
"""

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from rootspan_analysis.reader import Reader
from rootspan_analysis.training.jobs import Job
from rootspan_analysis.training.statements import ask

__all__ = ["Hang", "Pending", "blame", "fetch_groups", "fetch_pending", "find_hang"]

DEFAULT_TIMEOUT_NS: Final = 60 * 1_000_000_000
"""Communication without a stated timeout counts as hung after this; healthy one takes seconds at most."""
LAGGARD_SHARE: Final = 0.5
"""Ranks with at least this share of the largest lag are at fault together; they stop a few calls apart."""
_LOCAL_RANKS: Final = re.compile(r"(\d+)\s*(?:->|<-)\s*(\d+)")

Rule = Literal["absent", "behind", "missing", "unknown"]
Groups = Mapping[str, frozenset[int]]


@dataclass(frozen=True, slots=True)
class Pending:
    """One operation of one rank that has not ended.

    Attributes:
        group, description: The process group, and what it is for; the latter may be empty.
        seq: Number in the group; -1 if unknown. Of point-to-point operations it counts per rank.
        peer: The other rank of a point-to-point operation where told as a job's rank; else -1.
        created_ns: Unix nanoseconds; 0 if unknown.
        said_ns: When a watchdog or a flight recorder told of it; 0 if only its span does.
    """

    rank: int
    group: str
    description: str
    op: str
    seq: int
    p2p: bool
    peer: int
    created_ns: int
    timeout_ms: int
    said_ns: int
    host: str
    gpu: str


@dataclass(frozen=True, slots=True)
class Hang:
    """A job that waits for something that does not come.

    Attributes:
        ranks: Who is at fault, ascending; empty where no rank stands out.
        rule: `absent` (rule 1), `behind` (rule 2), `missing` (nobody is behind, but these did not enter the
            collective that others wait in), `unknown`.
        group, op, seq: The collective by which they were told.
        waiting: Ranks that wait for them.
        since_ns: When the oldest pending operation began.
        by: For each of `ranks` the operation by which it was told: one that waits for it, or its own.
        lags: For rule 2, how many collectives each of `ranks` is behind.
    """

    ranks: tuple[int, ...]
    rule: Rule
    group: str
    description: str
    op: str
    seq: int
    waiting: tuple[int, ...]
    since_ns: int
    by: Mapping[int, Pending]
    lags: Mapping[int, int]
    pending: tuple[Pending, ...]
    groups: Groups


def fetch_pending(client: Reader, job: Job) -> list[Pending]:
    """What is pending at the window's end, also where the group is known to have gone on since.

    Raises:
        StoreError: The store did not answer.
    """
    table = ask(client, "pending", job.parameters(), job.reading)
    return [
        Pending(
            rank=row["rank"],
            group=_text(row["group"]),
            description=_text(row["description"]),
            op=_text(row["op"]).removeprefix("nccl:"),
            seq=row["seq"],
            p2p=bool(row["p2p"]),
            peer=row["peer"],
            created_ns=row["created_ns"],
            timeout_ms=row["timeout_ms"],
            said_ns=row["said_ns"],
            host=_text(row["host"]),
            gpu=_text(row["gpu"]),
        )
        for row in table.to_pylist()
    ]


def fetch_groups(
    client: Reader, job: Job, pending: Iterable[Pending], done: Mapping[tuple[int, str], int]
) -> Groups:
    """Members of each process group: as flight recorders say, else all ranks that were seen in it."""
    members: dict[str, set[int]] = defaultdict(set)
    for row in ask(client, "recorder_status", job.parameters()).to_pylist():
        for name, ranks in _configured(_text(row["body"])):
            members[name].update(ranks)
    told = set(members)
    for rank, group in done:
        if group not in told:
            members[group].add(rank)
    for one in pending:
        members[one.group].add(one.rank)
        if one.peer >= 0 and one.group not in told:
            members[one.group].add(one.peer)
    return {name: frozenset(ranks) for name, ranks in members.items()}


def find_hang(client: Reader, job: Job) -> Hang | None:
    """Who hangs the job at the window's end; None if it goes on.

    Raises:
        StoreError: The store did not answer.
    """
    found = fetch_pending(client, job)
    if not found:
        return None
    ended = _fetch_ended(client, job)
    pending = [one for one in found if not ended.includes(one)]
    if not pending or not _is_overdue(pending, job.to_ns):
        return None
    groups = fetch_groups(client, job, pending, ended.collectives)
    return blame(pending, {**groups, **ended.members}, ended.collectives)


def blame(pending: Iterable[Pending], groups: Groups, done: Mapping[tuple[int, str], int]) -> Hang:
    """Apply the rules.

    Args:
        pending: Not empty.
        groups: Members of every group in `pending`.
        done: The last collective of (rank, group) that is known to have ended.
    """
    all_pending = tuple(pending)
    collectives = [one for one in all_pending if not one.p2p]
    since = min((one.created_ns for one in all_pending if one.created_ns > 0), default=0)
    first: dict[str, dict[int, Pending]] = defaultdict(dict)
    for one in sorted(collectives, key=lambda each: each.seq):
        first[one.group].setdefault(one.rank, one)
    busy = {one.rank for one in all_pending}

    def made(rule: Rule, told: Mapping[int, Pending], main: Pending, lags: Mapping[int, int]) -> Hang:
        chosen = tuple(sorted(told))
        waiting = sorted({one.rank for one in all_pending if one.group == main.group} - set(chosen))
        return Hang(
            ranks=chosen,
            rule=rule,
            group=main.group,
            description=main.description,
            op=main.op,
            seq=main.seq,
            waiting=tuple(waiting),
            since_ns=since,
            by=told,
            lags=lags,
            pending=all_pending,
            groups=groups,
        )

    absent: dict[int, Pending] = {}
    for one in sorted(all_pending, key=lambda each: (each.p2p, each.created_ns, each.seq)):
        for rank in _awaited(one, groups) - busy:
            if one.p2p or done.get((rank, one.group), -1) < one.seq:
                absent.setdefault(rank, one)
    known = busy | set().union(*groups.values())
    if absent and 2 * len(absent) <= len(known):
        return made("absent", absent, _most_waited(absent.values(), first), {})
    lags = {
        (rank, group): max(each.seq for each in ranks.values()) - one.seq
        for group, ranks in first.items()
        for rank, one in ranks.items()
    }
    largest = max(lags.values(), default=0)
    if largest > 0:
        worst: dict[int, tuple[int, str]] = {}
        for (rank, group), lag in lags.items():
            worst[rank] = max(worst.get(rank, (0, "")), (lag, group))
        chosen = {rank: lag for rank, (lag, _) in worst.items() if lag >= LAGGARD_SHARE * largest}
        if 2 * len(chosen) <= len(known):
            told = {rank: first[worst[rank][1]][rank] for rank in chosen}
            return made("behind", told, told[max(chosen, key=lambda one: chosen[one])], chosen)
    missing: dict[int, Pending] = {}
    for group, ranks in first.items():
        oldest = min(ranks.values(), key=lambda each: each.seq)
        for rank in groups[group] - set(ranks):
            if done.get((rank, group), -1) < oldest.seq:
                missing.setdefault(rank, oldest)
    oldest = min(all_pending, key=lambda each: (each.p2p, each.created_ns, each.seq))
    if missing and 2 * len(missing) <= len(known):
        return made("missing", missing, next(iter(missing.values())), {})
    return made("unknown", {}, oldest, {})


def _awaited(one: Pending, groups: Groups) -> frozenset[int]:
    """Ranks that an operation needs besides its own."""
    members = groups.get(one.group, frozenset())
    if not one.p2p:
        return members - {one.rank}
    if one.peer >= 0:
        return frozenset({one.peer})
    # The flight recorder counts the ranks of a point-to-point operation within its group.
    local = _LOCAL_RANKS.search(one.op)
    order = sorted(members)
    if local is None or int(local[2]) >= len(order):
        return frozenset()
    return frozenset({order[int(local[2])]}) - {one.rank}


def _most_waited(ones: Iterable[Pending], first: Mapping[str, Mapping[int, Pending]]) -> Pending:
    """The operation in whose group most ranks wait."""
    return max(ones, key=lambda one: (len(first.get(one.group, {})), -one.created_ns))


def _is_overdue(pending: Iterable[Pending], now_ns: int) -> bool:
    """Whether a watchdog said so, or something has been pending for longer than its timeout."""
    return any(
        one.said_ns > 0
        or (
            one.created_ns > 0
            and now_ns - one.created_ns >= (one.timeout_ms * 1_000_000 or DEFAULT_TIMEOUT_NS)
        )
        for one in pending
    )


@dataclass(frozen=True, slots=True)
class _Ended:
    """The last that ended well: of collectives by (rank, group), of the others by (rank, group, peer)."""

    collectives: Mapping[tuple[int, str], int]
    between: Mapping[tuple[int, str, int], int]
    members: Groups

    def includes(self, one: Pending) -> bool:
        """Whether what was said to be pending ended since."""
        if one.p2p:
            return 0 <= one.seq <= self.between.get((one.rank, one.group, one.peer), -1)
        return 0 <= one.seq <= self.collectives.get((one.rank, one.group), -1)


def _fetch_ended(client: Reader, job: Job) -> _Ended:
    rows = ask(client, "done", job.parameters(), job.reading).to_pylist()
    members = {_text(row["group"]): json.loads(row["group_ranks"]) for row in rows if row["group_ranks"]}
    return _Ended(
        {(row["rank"], _text(row["group"])): row["last_seq"] for row in rows if not row["p2p"]},
        {(row["rank"], _text(row["group"]), row["peer"]): row["last_seq"] for row in rows if row["p2p"]},
        {group: frozenset(int(one) for one in ranks) for group, ranks in members.items()},
    )


def _configured(body: str) -> list[tuple[str, list[int]]]:
    """Groups in a flight-recorder status: a list of objects, or PyTorch's own object by name."""
    try:
        config = json.loads(body).get("pg_config", [])
    except (ValueError, AttributeError):
        return []
    entries = config.values() if isinstance(config, dict) else config
    found = []
    for entry in entries:
        if isinstance(entry, dict) and "name" in entry:
            ranks = entry.get("ranks", [])
            ranks = json.loads(ranks) if isinstance(ranks, str) else ranks
            found.append((str(entry["name"]), [int(one) for one in ranks]))
    return found


def _text(value: object) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
