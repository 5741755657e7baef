"""The spans of a journey: which operation has which attributes, and columns of times for each.

Owns operation names, span slots within a trace, attributes and error shapes. Does no encoding of its own beyond
filling templates' columns.

A request that needs one attempt has nine spans:
gateway SERVER > gateway CLIENT > balancer SERVER > balancer CLIENT (one an attempt) > ranker SERVER >
embedding.lookup, FeatureStore/Get CLIENT > SERVER, model.forward.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from rootspan import semconv
from rootspan_demo.fleet import Instance
from rootspan_demo.flow import ANSWERED, LOST, REFUSED
from rootspan_demo.journeys import (
    ERROR_STATUS,
    FORWARD_FAILED,
    OK_STATUS,
    STORE_FAILED,
    UNAVAILABLE_STATUS,
    Attempts,
    Journeys,
    Trips,
)
from rootspan_demo.traffic import MODELS, SURFACES, TOKENS
from rootspan_demo.truth import PEER_SERVICE
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

__all__ = ["EXCEPTIONS", "SpanBatch", "attempt_slot", "build_batches"]

SCOPE_SPANS_FIELD: Final = 2
GATEWAY_SLOT, GATEWAY_CLIENT_SLOT, BALANCER_SLOT, FIRST_ATTEMPT_SLOT = 0, 1, 2, 3
CLIENT, SERVER, EMBED, FETCH, STORE, FORWARD = range(6)
"""Slots of an attempt, after its first."""
NO_PARENT: Final = -1
EXCEPTIONS: Final[Mapping[int, tuple[str, str]]] = {
    FORWARD_FAILED: ("RuntimeError", "CUDA error: device-side assert triggered in embedding_bag"),
    STORE_FAILED: ("KeyError", "feature row missing: user_history_v4"),
}
Ints = NDArray[np.int64]
Bytes2D = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class SpanBatch:
    """Spans of one shape. All arrays have one entry a span."""

    template: Template
    instance: Ints
    trace: Ints
    slot: Ints
    parent: Ints
    start: Ints
    end: Ints
    columns: Mapping[str, Bytes2D]


@dataclass(frozen=True, slots=True)
class _Failure:
    """How a span says that it failed; with an exception where it began there."""

    error_type: str
    message: str
    exception: bool = False


@dataclass(frozen=True, slots=True)
class _Shape:
    """A span's name, kind, fixed attributes, and the widths of variable ones (0: a double)."""

    name: str
    kind: "Span.SpanKind.ValueType"
    fixed: Mapping[str, str | int] = field(default_factory=dict)
    doubles: tuple[str, ...] = ()
    integers: Mapping[str, int] = field(default_factory=dict)
    texts: Mapping[str, int] = field(default_factory=dict)
    root: bool = False


def attempt_slot(attempt: Ints, part: int) -> Ints:
    """Slot of a part of an attempt within its trace."""
    return FIRST_ATTEMPT_SLOT + 6 * attempt + part


def _template(shape: _Shape, failure: _Failure | None) -> Template:
    """Serialize a span of this shape with placeholders, and cut the holes."""
    mark = {
        "trace_id": b"\xf1trace-id-here\xf2\xf3",
        "span_id": b"\xf4span-id",
        "parent_id": b"\xf5parent\xf6",
        "start": (0xF7A1B2C3D4E5F6A7).to_bytes(8, "little"),
        "end": (0xF8A2B3C4D5E6F7A8).to_bytes(8, "little"),
    }
    span = Span(
        trace_id=mark["trace_id"],
        span_id=mark["span_id"],
        parent_span_id=b"" if shape.root else mark["parent_id"],
        flags=0x101 if not shape.root else 1,
        name=shape.name,
        kind=shape.kind,
        start_time_unix_nano=int.from_bytes(mark["start"], "little"),
        end_time_unix_nano=int.from_bytes(mark["end"], "little"),
        attributes=[attribute(key, value) for key, value in shape.fixed.items()],
    )
    marks = {
        name: Mark(pattern, len(pattern))
        for name, pattern in mark.items()
        if name != "parent_id" or not shape.root
    }
    placeholders: dict[str, tuple[str | int | float, int]] = {
        name: (1.2345678901, 8) for name in shape.doubles
    }
    placeholders |= {name: ((1 << 7 * width) - 1, width) for name, width in shape.integers.items()}
    placeholders |= {name: ("\x01" * width, width) for name, width in shape.texts.items()}
    for name, (value, width) in placeholders.items():
        pair = attribute(name, value)
        span.attributes.append(pair)
        marks[name] = Mark(pair.SerializeToString(), width)
    if failure is not None:
        span.status.CopyFrom(Status(code=Status.STATUS_CODE_ERROR, message=failure.message))
        span.attributes.append(attribute(semconv.ERROR_TYPE, failure.error_type))
        if failure.exception:
            at = (0xF9A3B4C5D6E7F8A9).to_bytes(8, "little")
            event = span.events.add(name="exception", time_unix_nano=int.from_bytes(at, "little"))
            event.attributes.append(attribute("exception.type", failure.error_type))
            event.attributes.append(attribute("exception.message", failure.message))
            marks["event_time"] = Mark(at, 8)
    return cut_template(span, marks, field=SCOPE_SPANS_FIELD)


def build_batches(journeys: Journeys, instances: tuple[Instance, ...]) -> list[SpanBatch]:
    """All spans of the journeys, in batches of one shape."""
    names = _Names(instances)
    return [
        *_gateway_spans(journeys.trips, names),
        *_balancer_spans(journeys, names),
        *_ranker_spans(journeys, names),
    ]


class _Names:
    """Host names as columns. Names are padded to the widest, and read by the width of their own service."""

    def __init__(self, instances: tuple[Instance, ...]) -> None:
        self.width = {one.service: len(one.host) for one in instances}
        widest = max(self.width.values())
        self._hosts = text_table([one.host.ljust(widest) for one in instances])

    def column(self, instance: Ints, service: str) -> Bytes2D:
        """Host names of instances of one service."""
        return self._hosts[instance, : self.width[service]]


def _rpc(method: str, **more: str | int) -> dict[str, str | int]:
    return {semconv.RPC_SYSTEM: "grpc", semconv.RPC_METHOD: method, **more}


def _client(
    method: str, callee: str, names: _Names, *, replied: bool = True, retries: bool = False
) -> _Shape:
    """Shape of a CLIENT span."""
    return _Shape(
        method,
        Span.SPAN_KIND_CLIENT,
        _rpc(method, **{PEER_SERVICE: callee}),
        doubles=(semconv.SERVER_DURATION_MS,) if replied else (),
        integers={semconv.RETRY_ATTEMPT: 1} if retries else {},
        texts={semconv.SERVER_ADDRESS: names.width[callee]},
    )


def _split(
    rows: SpanBatch, state: Ints, variants: Sequence[tuple[int, _Shape, _Failure | None]]
) -> Iterator[SpanBatch]:
    """A batch for each variant that occurs: rows whose state is its value, with its shape and failure."""
    for value, shape, failure in variants:
        keep = state == value
        if not keep.any():
            continue
        template = _template(shape, failure)
        start, end = rows.start[keep], rows.end[keep]
        columns = {name: column[keep] for name, column in rows.columns.items() if name in template.holes}
        if "event_time" in template.holes:
            columns["event_time"] = encode_fixed64(end - np.minimum(20_000, (end - start) // 2))
        picked = (array[keep] for array in (rows.instance, rows.trace, rows.slot, rows.parent))
        yield SpanBatch(template, *picked, start, end, columns)


_UNSHAPED: Final = Template(b"", {})


def _gateway_spans(trips: Trips, names: _Names) -> Iterator[SpanBatch]:
    zero = np.zeros_like(trips.trace)
    surface = np.array(text_table(SURFACES))[trips.trace % len(SURFACES)]
    columns = {semconv.HTTP_STATUS: encode_integers(trips.status, 2), "app.surface": surface}
    server = SpanBatch(
        _UNSHAPED, trips.gateway, trips.trace, zero + GATEWAY_SLOT, zero + NO_PARENT,
        trips.gateway_start, trips.gateway_end, columns,
    )  # fmt: skip
    fixed = {"http.request.method": "POST", "http.route": "/recommend"}
    shape = _Shape(
        "POST /recommend",
        Span.SPAN_KIND_SERVER,
        fixed,
        integers={semconv.HTTP_STATUS: 2},
        texts={"app.surface": len(SURFACES[0])},
        root=True,
    )
    failures = {
        ERROR_STATUS: _Failure("500", "ranking failed"),
        UNAVAILABLE_STATUS: _Failure("503", "no answer"),
    }
    yield from _split(server, trips.status, [(s, shape, failures.get(s)) for s in (OK_STATUS, *failures)])
    columns = {
        semconv.SERVER_ADDRESS: names.column(trips.balancer, "balancer"),
        semconv.SERVER_DURATION_MS: _milliseconds(trips.balancer_start, trips.balancer_end),
    }
    client = SpanBatch(
        _UNSHAPED, trips.gateway, trips.trace, zero + GATEWAY_CLIENT_SLOT, zero + GATEWAY_SLOT,
        trips.client_start, trips.client_end, columns,
    )  # fmt: skip
    shape = _client("Balancer/Recommend", "balancer", names)
    yield from _split(client, trips.status, [(s, shape, _STATUS[s]) for s in _STATUS])


_STATUS: Final[Mapping[int, _Failure | None]] = {
    OK_STATUS: None,
    ERROR_STATUS: _Failure("INTERNAL", "Ranker/Rank failed"),
    UNAVAILABLE_STATUS: _Failure("UNAVAILABLE", "no ranker answered"),
}


def _balancer_spans(journeys: Journeys, names: _Names) -> Iterator[SpanBatch]:
    trips, calls = journeys.trips, journeys.attempts
    zero = np.zeros_like(trips.trace)
    server = SpanBatch(
        _UNSHAPED, trips.balancer, trips.trace, zero + BALANCER_SLOT, zero + GATEWAY_CLIENT_SLOT,
        trips.balancer_start, trips.balancer_end, {"app.attempts": encode_integers(trips.attempts, 1)},
    )  # fmt: skip
    shape = _Shape(
        "Balancer/Recommend", Span.SPAN_KIND_SERVER, _rpc("Balancer/Recommend"), integers={"app.attempts": 1}
    )
    yield from _split(server, trips.status, [(s, shape, _STATUS[s]) for s in _STATUS])
    columns = {
        semconv.SERVER_ADDRESS: names.column(calls.ranker, "ranker"),
        semconv.SERVER_DURATION_MS: _milliseconds(calls.server_start, calls.server_end),
        semconv.RETRY_ATTEMPT: encode_integers(calls.attempt, 1),
    }
    client = SpanBatch(
        _UNSHAPED, calls.balancer, calls.trace, attempt_slot(calls.attempt, CLIENT),
        np.full_like(calls.trace, BALANCER_SLOT), calls.client_start, calls.client_end, columns,
    )  # fmt: skip
    replied = _client("Ranker/Rank", "ranker", names, retries=True)
    silent = _client("Ranker/Rank", "ranker", names, retries=True, replied=False)
    yield from _split(
        client,
        _state(calls),
        [
            (0, replied, None),
            (_FAILED, replied, _Failure("INTERNAL", "ranking failed")),
            (_FAILED + 1, replied, _Failure("INTERNAL", "ranking failed")),
            (_STATE_REFUSED, replied, _Failure("RESOURCE_EXHAUSTED", "queue full")),
            (_STATE_LOST, silent, _Failure("DEADLINE_EXCEEDED", "no answer within 1000 ms")),
        ],
    )


_FAILED: Final = 1
_STATE_REFUSED, _STATE_LOST = 3, 4


def _state(calls: Attempts) -> Ints:
    """0 answered well, 1 and 2 answered with the failure of that number, 3 refused, 4 lost."""
    state = np.where(calls.outcome == REFUSED, _STATE_REFUSED, calls.failed)
    return np.where(calls.outcome == LOST, _STATE_LOST, state)


def _ranker_spans(journeys: Journeys, names: _Names) -> Iterator[SpanBatch]:
    calls = journeys.attempts.where(journeys.attempts.outcome != LOST)
    model = np.array(text_table(MODELS))[calls.model]
    server = SpanBatch(
        _UNSHAPED, calls.ranker, calls.trace, attempt_slot(calls.attempt, SERVER),
        attempt_slot(calls.attempt, CLIENT), calls.server_start, calls.server_end,
        {semconv.QUEUE_WAIT_MS: _milliseconds(calls.server_start, calls.work_start), semconv.GEN_AI_REQUEST_MODEL: model},
    )  # fmt: skip
    models = {semconv.GEN_AI_REQUEST_MODEL: len(MODELS[0])}
    shape = _Shape(
        "Ranker/Rank",
        Span.SPAN_KIND_SERVER,
        _rpc("Ranker/Rank"),
        doubles=(semconv.QUEUE_WAIT_MS,),
        texts=models,
    )
    failed = _Failure("INTERNAL", "ranking failed")
    full = _Failure("RESOURCE_EXHAUSTED", "queue full")
    yield from _split(
        server,
        _state(calls),
        [
            (0, shape, None),
            (FORWARD_FAILED, shape, failed),
            (STORE_FAILED, shape, failed),
            (_STATE_REFUSED, shape, full),
        ],
    )
    calls = calls.where(calls.outcome == ANSWERED)
    yield from _stage_spans(calls, models)
    yield from _fetch_spans(calls, names)


def _stage_spans(calls: Attempts, models: Mapping[str, int]) -> Iterator[SpanBatch]:
    """The two GPU stages; a request whose features are missing has no forward pass."""
    above = attempt_slot(calls.attempt, SERVER)
    model = np.array(text_table(MODELS))[calls.model]
    embed = SpanBatch(
        _UNSHAPED, calls.ranker, calls.trace, attempt_slot(calls.attempt, EMBED), above,
        calls.embed_start, calls.embed_end, {semconv.GEN_AI_REQUEST_MODEL: model},
    )  # fmt: skip
    shape = _Shape("embedding.lookup", Span.SPAN_KIND_INTERNAL, {"app.stage": "embedding"}, texts=models)
    yield from _split(embed, np.zeros_like(calls.trace), [(0, shape, None)])
    columns = {
        semconv.GEN_AI_REQUEST_MODEL: model,
        semconv.GEN_AI_INPUT_TOKENS: encode_integers(np.clip(calls.tokens, *TOKENS), 2),
        "app.candidates": encode_integers(128 + calls.trace * 2_654_435_761 % 873, 2),
    }
    forward = SpanBatch(
        _UNSHAPED, calls.ranker, calls.trace, attempt_slot(calls.attempt, FORWARD), above,
        calls.forward_start, calls.forward_end, columns,
    )  # fmt: skip
    shape = _Shape(
        "model.forward",
        Span.SPAN_KIND_INTERNAL,
        {"app.stage": "forward"},
        integers={semconv.GEN_AI_INPUT_TOKENS: 2, "app.candidates": 2},
        texts=models,
    )
    failure = _Failure(*EXCEPTIONS[FORWARD_FAILED], exception=True)
    yield from _split(forward, calls.failed, [(0, shape, None), (FORWARD_FAILED, shape, failure)])


def _fetch_spans(calls: Attempts, names: _Names) -> Iterator[SpanBatch]:
    state = (calls.failed == STORE_FAILED).astype(np.int64)
    columns = {
        semconv.SERVER_ADDRESS: names.column(calls.store, "feature-store"),
        semconv.SERVER_DURATION_MS: _milliseconds(calls.store_start, calls.store_end),
    }
    client = SpanBatch(
        _UNSHAPED, calls.ranker, calls.trace, attempt_slot(calls.attempt, FETCH),
        attempt_slot(calls.attempt, SERVER), calls.fetch_start, calls.fetch_end, columns,
    )  # fmt: skip
    shape = _client("FeatureStore/Get", "feature-store", names)
    yield from _split(
        client, state, [(0, shape, None), (1, shape, _Failure("INTERNAL", "feature look-up failed"))]
    )
    server = SpanBatch(
        _UNSHAPED, calls.store, calls.trace, attempt_slot(calls.attempt, STORE),
        attempt_slot(calls.attempt, FETCH), calls.store_start, calls.store_end,
        {"app.rows": encode_integers(16 + calls.tokens % 112, 1)},
    )  # fmt: skip
    shape = _Shape(
        "FeatureStore/Get", Span.SPAN_KIND_SERVER, _rpc("FeatureStore/Get"), integers={"app.rows": 1}
    )
    failure = _Failure(*EXCEPTIONS[STORE_FAILED], exception=True)
    yield from _split(server, state, [(0, shape, None), (1, shape, failure)])


def _milliseconds(start: Ints, end: Ints) -> Bytes2D:
    return encode_doubles((end - start) / 1e6)
