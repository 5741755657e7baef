"""The job's times as OTLP spans, under the SDK's names, through templates.

Owns which spans a rank sends: its step with a summary, and in detail phases, microbatches and collectives.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from rootspan import semconv
from rootspan_demo.encoder import Block
from rootspan_demo.training.config import TrainingConfig
from rootspan_demo.training.timing import Floats, Job
from rootspan_demo.wire import (
    Mark,
    Template,
    attribute,
    cut_template,
    encode_doubles,
    encode_fixed64,
    encode_integers,
    text_table,
)

__all__ = ["FIRST_SEQ", "FIRST_STEP", "Sent", "add_spans", "group_names", "reduce_group", "seq_of"]

FIRST_STEP: Final = 1000
"""Numbers of steps begin here: a job that runs for a while, and integers of one width."""
FIRST_SEQ: Final = 20_000
PHASES: Final = ("data", "forward", "backward", "optimizer", "collective", "checkpoint")
WORLD: Final = "0:default_pg"
REDUCE_BYTES: Final = 2_147_483_648
PEER_BYTES: Final = 33_554_432
LOSS_BYTES: Final = 4
_SCOPE_SPANS_FIELD: Final = 2
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Sent:
    """What is sent of a job.

    Attributes:
        keep: (steps, data, stage, tensor): whether a rank reached the end of that step.
        offset_ns: A rank's clock, ahead of the true time, (ranks,).
        begin_ns: The recording's second 0.
        loss, grad_norm: (steps, data, stage, tensor).
        own: Seconds of own work by phase, likewise.
    """

    keep: NDArray[np.bool_]
    offset_ns: Ints
    begin_ns: int
    loss: Floats
    grad_norm: Floats
    own: Mapping[str, Floats]


def reduce_group(stage: int, tensor: int) -> str:
    """Name of a gradient group."""
    return f"1{stage:02d}:dp-{stage:02d}{tensor:04d}"


def group_names(config: TrainingConfig) -> dict[str, list[int]]:
    """Members of each group in which all meet."""
    found = {WORLD: list(range(config.ranks))}
    for stage in range(config.pipeline):
        for tensor in range(config.tensor):
            members = [config.rank_of(d, stage, tensor) for d in range(config.data)]
            found[reduce_group(stage, tensor)] = members
    return found


def seq_of(step: int) -> int:
    """Sequence number of a group's collective in a step, counted from the recording's first."""
    return FIRST_SEQ + step


def add_spans(job: Job, sent: Sent, blocks: dict[int, Block], steps: slice, ids: "Ids") -> None:
    """Encode the steps of a slice into the blocks of their ranks."""
    config = job.config
    for name, times in job.times.items():
        if name != "step" and not config.detail:
            continue
        begin, end = times.begin[steps], times.end[steps]
        keep = sent.keep[steps] & ~np.isnan(begin)
        where = np.nonzero(keep)
        if not len(where[0]):
            continue
        rank = (where[1] * config.pipeline + where[2]) * config.tensor + where[3]
        step = where[0] + (steps.start or 0)
        for part, shape in _shapes(config, name, rank):
            chosen = part if part is not None else np.ones(len(rank), dtype=np.bool_)
            if not chosen.any():
                continue
            who, at = rank[chosen], step[chosen]
            columns = {
                "trace_id": ids.trace(at),
                "span_id": ids.span(at, who, 0 if name == "step" else ids.number(name)),
                "step": encode_integers(FIRST_STEP + at, 2),
                "start": _stamps(begin[where][chosen], who, sent),
                "end": _stamps(end[where][chosen], who, sent),
            }
            if name == "step":
                here = tuple(one[chosen] for one in (step, *where[1:]))
                columns |= {f"own.{phase}": encode_doubles(sent.own[phase][here]) for phase in PHASES}
                columns["loss"] = encode_doubles(sent.loss[here])
                columns["grad_norm"] = encode_doubles(sent.grad_norm[here])
            else:
                columns["parent_id"] = ids.span(at, who, 0)
            if "seq" in shape.holes:
                columns["seq"] = encode_integers(_seq(config, name, at), 3)
            for hole in ("group", "peer"):
                if hole in shape.holes:
                    columns[hole] = _extra(config, name, hole, who)
            rows = shape.render(len(who), columns)
            order = np.argsort(who, kind="stable")
            cuts = np.flatnonzero(np.diff(who[order])) + 1
            for picked in np.split(order, cuts):
                blocks.setdefault(int(who[picked[0]]), Block()).add(rows[picked].tobytes(), len(picked))


class Ids:
    """Trace ids by step, span ids by (step, rank, number): the same on every rank, without asking."""

    def __init__(self, seed: int) -> None:
        self._salt = np.uint64((seed * 0x9E3779B97F4A7C15 + 0x1234567) % 2**64)
        self._numbers: dict[str, int] = {}

    def number(self, name: str) -> int:
        """Number of a kind of span, from 1."""
        return self._numbers.setdefault(name, len(self._numbers) + 1)

    def trace(self, step: Ints) -> NDArray[np.uint8]:
        """(n, 16) bytes."""
        both = np.stack(
            [_mix(step.astype(np.uint64) ^ self._salt), _mix(step.astype(np.uint64) + self._salt)]
        )
        return np.ascontiguousarray(both.T, dtype="<u8").view(np.uint8).reshape(len(step), 16)

    def span(self, step: Ints, rank: Ints, number: int) -> NDArray[np.uint8]:
        """(n, 8) bytes."""
        counter = (step * 4096 + rank).astype(np.uint64) * np.uint64(1024) + np.uint64(number)
        mixed = _mix(counter + self._salt) | np.uint64(1)
        return np.ascontiguousarray(mixed, dtype="<u8").view(np.uint8).reshape(len(step), 8)


def _mix(value: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """SplitMix64's finaliser: a bijection."""
    value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed: NDArray[np.uint64] = value ^ (value >> np.uint64(31))
    return mixed


def _stamps(seconds: Floats, rank: Ints, sent: Sent) -> NDArray[np.uint8]:
    return encode_fixed64(sent.begin_ns + (seconds * 1e9).astype(np.int64) + sent.offset_ns[rank])


def _shapes(
    config: TrainingConfig, name: str, rank: Ints
) -> Iterator[tuple[NDArray[np.bool_] | None, Template]]:
    """Templates of a kind of span, and which rows each is for (varints have one width a template)."""
    kind, _, batch = name.partition(".")
    told: dict[str, str | int] = {semconv.TRAINING_PHASE: kind}
    if batch:
        told[semconv.TRAINING_MICROBATCH] = int(batch)
    if kind == "step":
        yield None, _template(semconv.SPAN_TRAIN_STEP, {}, summary=True)
    elif kind in ("data", "forward", "backward", "optimizer"):
        yield None, _template(f"train.{kind}", told)
    elif kind == "save":
        told |= {semconv.TRAINING_PHASE: "checkpoint", semconv.TRAINING_CHECKPOINT_ACTION: "save"}
        yield None, _template("train.checkpoint", told)
    elif kind in ("reduce", "loss"):
        told |= {semconv.TRAINING_PHASE: "collective", semconv.TRAINING_COLLECTIVE_OP: "all_reduce"}
        told |= {semconv.TRAINING_COLLECTIVE_BYTES: REDUCE_BYTES if kind == "reduce" else LOSS_BYTES}
        width = len(WORLD if kind == "loss" else reduce_group(0, 0))
        yield None, _template(semconv.SPAN_TRAIN_COLLECTIVE, told, group=width)
    else:
        action, direction = kind.split("_")
        told |= {semconv.TRAINING_PHASE: "collective", semconv.TRAINING_COLLECTIVE_OP: action}
        told |= {semconv.TRAINING_COLLECTIVE_BYTES: PEER_BYTES}
        peer = rank + _towards(action, direction) * config.tensor
        for width in (1, 2):
            low, high = (0 if width == 1 else 1 << 7 * (width - 1)), 1 << 7 * width
            yield (
                (peer >= low) & (peer < high),
                _template(semconv.SPAN_TRAIN_COLLECTIVE, told, group=len(_pipeline_group(0, 0)), peer=width),
            )


def _towards(action: str, direction: str) -> int:
    return 1 if (action == "send") == (direction == "forward") else -1


def _pipeline_group(data: int, tensor: int) -> str:
    return f"2{data:04d}:pp-{data:04d}{tensor}"


def _seq(config: TrainingConfig, name: str, step: Ints) -> Ints:
    """Numbers of a group's collectives, or of a pair's sends and receives: forward before backward."""
    kind, _, batch = name.partition(".")
    if not batch:
        return FIRST_SEQ + step
    place = int(batch) + (config.microbatches if kind.endswith("backward") else 0)
    return FIRST_SEQ + step * 2 * config.microbatches + place


def _extra(config: TrainingConfig, name: str, hole: str, rank: Ints) -> NDArray[np.uint8]:
    kind = name.partition(".")[0]
    if kind == "loss":
        return np.repeat(text_table([WORLD]), len(rank), axis=0)
    if kind == "reduce":
        table = [reduce_group(*config.axes_of(one)[1:]) for one in range(config.ranks)]
        return text_table(table)[rank]
    if hole == "peer":
        peer = rank + _towards(*kind.split("_")) * config.tensor
        return encode_integers(peer, 1 if peer.max() < 128 else 2)
    places = [config.axes_of(one) for one in range(config.ranks)]
    return text_table([_pipeline_group(data, tensor) for data, _, tensor in places])[rank]


_CUT: dict[tuple[object, ...], Template] = {}


def _template(
    name: str, told: Mapping[str, str | int], *, summary: bool = False, group: int = 0, peer: int = 0
) -> Template:
    """A span with holes; cut once for each kind."""
    key = (name, tuple(told.items()), summary, group, peer)
    if key in _CUT:
        return _CUT[key]
    marks = {
        "trace_id": b"\xf1trace-id-here\xf2\xf3",
        "span_id": b"\xf4span-id",
        "parent_id": b"\xf5parent\xf6",
        "start": (0xF7A1B2C3D4E5F6A7).to_bytes(8, "little"),
        "end": (0xF8A2B3C4D5E6F7A8).to_bytes(8, "little"),
    }
    span = Span(
        trace_id=marks["trace_id"],
        span_id=marks["span_id"],
        parent_span_id=b"" if summary else marks["parent_id"],
        name=name,
        kind=Span.SPAN_KIND_INTERNAL,
        start_time_unix_nano=int.from_bytes(marks["start"], "little"),
        end_time_unix_nano=int.from_bytes(marks["end"], "little"),
        attributes=[attribute(one, value) for one, value in told.items()],
    )
    if summary:
        del marks["parent_id"]
    holes = {hole: Mark(pattern, len(pattern)) for hole, pattern in marks.items()}

    def hole(label: str, name: str, value: str | int | float, width: int) -> None:
        pair = attribute(name, value)
        span.attributes.append(pair)
        holes[label] = Mark(pair.SerializeToString(), width)

    hole("step", semconv.TRAINING_STEP, (1 << 14) - 1, 2)
    if summary:
        for i, phase in enumerate(PHASES):
            hole(f"own.{phase}", semconv.TRAINING_PHASE_SECONDS.format(phase), 1.2345678901 + i, 8)
        hole("loss", semconv.TRAINING_LOSS, 11.2345678901, 8)
        hole("grad_norm", semconv.TRAINING_GRAD_NORM, 12.2345678901, 8)
    if group:
        hole("seq", semconv.TRAINING_COLLECTIVE_SEQ, (1 << 21) - 1, 3)
        hole("group", semconv.TRAINING_COLLECTIVE_GROUP, "\x01" * group, group)
    if peer:
        hole("peer", semconv.TRAINING_COLLECTIVE_PEER, (1 << 7 * peer) - 1, peer)
    _CUT[key] = cut_template(span, holes, field=_SCOPE_SPANS_FIELD)
    return _CUT[key]
