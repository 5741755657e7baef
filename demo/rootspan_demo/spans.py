"""The spans of a journey: which operation has which attributes, and columns of times for each.

Owns operation names, attributes and which span says what about a failure.

A request that needs one attempt has nine spans:
gateway SERVER > gateway CLIENT > balancer SERVER > balancer CLIENT (one an attempt) > ranker SERVER >
embedding.lookup, FeatureStore/Get CLIENT > SERVER, model.forward.
"""

from collections.abc import Iterator, Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from rootspan import semconv
from rootspan_demo.fleet import Instance
from rootspan_demo.flow import ANSWERED, LOST, REFUSED
from rootspan_demo.journeys import (
    ERROR_STATUS,
    FORWARD_FAILED,
    NO_STORE,
    OK_STATUS,
    STORE_FAILED,
    UNAVAILABLE_STATUS,
    Attempts,
    Journeys,
    Trips,
)
from rootspan_demo.shapes import (
    BALANCER_SLOT,
    CLIENT,
    EMBED,
    FETCH,
    FORWARD,
    GATEWAY_CLIENT_SLOT,
    GATEWAY_SLOT,
    NO_PARENT,
    SERVER,
    STORE,
    Failure,
    Shape,
    SpanBatch,
    SpanRows,
    attempt_slot,
    split_by_state,
)
from rootspan_demo.traffic import MODELS, SURFACES, TOKENS
from rootspan_demo.truth import PEER_SERVICE
from rootspan_demo.wire import encode_doubles, encode_integers, text_table

__all__ = ["EXCEPTIONS", "build_batches"]

EXCEPTIONS: Final[Mapping[int, tuple[str, str]]] = {
    FORWARD_FAILED: ("RuntimeError", "CUDA error: device-side assert triggered in embedding_bag"),
    STORE_FAILED: ("KeyError", "feature row missing: user_history_v4"),
}
_STATUS: Final[Mapping[int, Failure | None]] = {
    OK_STATUS: None,
    ERROR_STATUS: Failure("INTERNAL", "Ranker/Rank failed"),
    UNAVAILABLE_STATUS: Failure("UNAVAILABLE", "no ranker answered"),
}
_REFUSED, _LOST = 3, 4
Ints = NDArray[np.int64]
Bytes2D = NDArray[np.uint8]


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


def _client(method: str, callee: str, names: _Names, *, replied: bool = True, retries: bool = False) -> Shape:
    """Shape of a CLIENT span."""
    return Shape(
        method,
        Span.SPAN_KIND_CLIENT,
        _rpc(method, **{PEER_SERVICE: callee}),
        doubles=(semconv.SERVER_DURATION_MS,) if replied else (),
        integers={semconv.RETRY_ATTEMPT: 1} if retries else {},
        texts={semconv.SERVER_ADDRESS: names.width[callee]},
    )


def _gateway_spans(trips: Trips, names: _Names) -> Iterator[SpanBatch]:
    zero = np.zeros_like(trips.trace)
    surface = np.array(text_table(SURFACES))[trips.trace % len(SURFACES)]
    columns = {semconv.HTTP_STATUS: encode_integers(trips.status, 2), "app.surface": surface}
    server = SpanRows(
        trips.gateway, trips.trace, zero + GATEWAY_SLOT, zero + NO_PARENT,
        trips.gateway_start, trips.gateway_end, columns,
    )  # fmt: skip
    fixed = {"http.request.method": "POST", "http.route": "/recommend"}
    shape = Shape(
        "POST /recommend",
        Span.SPAN_KIND_SERVER,
        fixed,
        integers={semconv.HTTP_STATUS: 2},
        texts={"app.surface": len(SURFACES[0])},
        root=True,
    )
    failures = {
        ERROR_STATUS: Failure("500", "ranking failed"),
        UNAVAILABLE_STATUS: Failure("503", "no answer"),
    }
    yield from split_by_state(
        server, trips.status, [(s, shape, failures.get(s)) for s in (OK_STATUS, *failures)]
    )
    columns = {
        semconv.SERVER_ADDRESS: names.column(trips.balancer, "balancer"),
        semconv.SERVER_DURATION_MS: _milliseconds(trips.balancer_start, trips.balancer_end),
    }
    client = SpanRows(
        trips.gateway, trips.trace, zero + GATEWAY_CLIENT_SLOT, zero + GATEWAY_SLOT,
        trips.client_start, trips.client_end, columns,
    )  # fmt: skip
    shape = _client("Balancer/Recommend", "balancer", names)
    yield from split_by_state(client, trips.status, [(s, shape, _STATUS[s]) for s in _STATUS])


def _balancer_spans(journeys: Journeys, names: _Names) -> Iterator[SpanBatch]:
    trips, calls = journeys.trips, journeys.attempts
    zero = np.zeros_like(trips.trace)
    server = SpanRows(
        trips.balancer, trips.trace, zero + BALANCER_SLOT, zero + GATEWAY_CLIENT_SLOT,
        trips.balancer_start, trips.balancer_end, {"app.attempts": encode_integers(trips.attempts, 1)},
    )  # fmt: skip
    shape = Shape(
        "Balancer/Recommend", Span.SPAN_KIND_SERVER, _rpc("Balancer/Recommend"), integers={"app.attempts": 1}
    )
    yield from split_by_state(server, trips.status, [(s, shape, _STATUS[s]) for s in _STATUS])
    columns = {
        semconv.SERVER_ADDRESS: names.column(calls.ranker, "ranker"),
        semconv.SERVER_DURATION_MS: _milliseconds(calls.server_start, calls.server_end),
        semconv.RETRY_ATTEMPT: encode_integers(calls.attempt, 1),
    }
    client = SpanRows(
        calls.balancer, calls.trace, attempt_slot(calls.attempt, CLIENT),
        np.full_like(calls.trace, BALANCER_SLOT), calls.client_start, calls.client_end, columns,
    )  # fmt: skip
    replied = _client("Ranker/Rank", "ranker", names, retries=True)
    silent = _client("Ranker/Rank", "ranker", names, retries=True, replied=False)
    yield from split_by_state(
        client,
        _state(calls),
        [
            (0, replied, None),
            (FORWARD_FAILED, replied, Failure("INTERNAL", "ranking failed")),
            (STORE_FAILED, replied, Failure("INTERNAL", "ranking failed")),
            (_REFUSED, replied, Failure("RESOURCE_EXHAUSTED", "queue full")),
            (_LOST, silent, Failure("DEADLINE_EXCEEDED", "no answer within 1000 ms")),
        ],
    )


def _state(calls: Attempts) -> Ints:
    """0 answered well, 1 and 2 answered with the failure of that number, 3 refused, 4 lost."""
    state = np.where(calls.outcome == REFUSED, _REFUSED, calls.failed)
    return np.where(calls.outcome == LOST, _LOST, state)


def _ranker_spans(journeys: Journeys, names: _Names) -> Iterator[SpanBatch]:
    calls = journeys.attempts.where(journeys.attempts.outcome != LOST)
    model = np.array(text_table(MODELS))[calls.model]
    columns = {
        semconv.QUEUE_WAIT_MS: _milliseconds(calls.server_start, calls.work_start),
        semconv.GEN_AI_REQUEST_MODEL: model,
    }
    server = SpanRows(
        calls.ranker, calls.trace, attempt_slot(calls.attempt, SERVER),
        attempt_slot(calls.attempt, CLIENT), calls.server_start, calls.server_end,
        columns,
    )  # fmt: skip
    models = {semconv.GEN_AI_REQUEST_MODEL: len(MODELS[0])}
    shape = Shape(
        "Ranker/Rank",
        Span.SPAN_KIND_SERVER,
        _rpc("Ranker/Rank"),
        doubles=(semconv.QUEUE_WAIT_MS,),
        texts=models,
    )
    failed = Failure("INTERNAL", "ranking failed")
    full = Failure("RESOURCE_EXHAUSTED", "queue full")
    yield from split_by_state(
        server,
        _state(calls),
        [
            (0, shape, None),
            (FORWARD_FAILED, shape, failed),
            (STORE_FAILED, shape, failed),
            (_REFUSED, shape, full),
        ],
    )
    calls = calls.where(calls.outcome == ANSWERED)
    yield from _stage_spans(calls, models)
    yield from _fetch_spans(calls, names)


def _stage_spans(calls: Attempts, models: Mapping[str, int]) -> Iterator[SpanBatch]:
    """The two GPU stages; a request whose features are missing has no forward pass."""
    above = attempt_slot(calls.attempt, SERVER)
    model = np.array(text_table(MODELS))[calls.model]
    embed = SpanRows(
        calls.ranker, calls.trace, attempt_slot(calls.attempt, EMBED), above,
        calls.embed_start, calls.embed_end, {semconv.GEN_AI_REQUEST_MODEL: model},
    )  # fmt: skip
    shape = Shape("embedding.lookup", Span.SPAN_KIND_INTERNAL, {"app.stage": "embedding"}, texts=models)
    yield from split_by_state(embed, np.zeros_like(calls.trace), [(0, shape, None)])
    columns = {
        semconv.GEN_AI_REQUEST_MODEL: model,
        semconv.GEN_AI_INPUT_TOKENS: encode_integers(np.clip(calls.tokens, *TOKENS), 2),
        "app.candidates": encode_integers(128 + calls.trace * 2_654_435_761 % 873, 2),
    }
    forward = SpanRows(
        calls.ranker, calls.trace, attempt_slot(calls.attempt, FORWARD), above,
        calls.forward_start, calls.forward_end, columns,
    )  # fmt: skip
    shape = Shape(
        "model.forward",
        Span.SPAN_KIND_INTERNAL,
        {"app.stage": "forward"},
        integers={semconv.GEN_AI_INPUT_TOKENS: 2, "app.candidates": 2},
        texts=models,
    )
    failure = Failure(*EXCEPTIONS[FORWARD_FAILED], exception=True)
    yield from split_by_state(forward, calls.failed, [(0, shape, None), (FORWARD_FAILED, shape, failure)])


def _fetch_spans(calls: Attempts, names: _Names) -> Iterator[SpanBatch]:
    calls = calls.where(calls.store != NO_STORE)
    state = (calls.failed == STORE_FAILED).astype(np.int64)
    columns = {
        semconv.SERVER_ADDRESS: names.column(calls.store, "feature-store"),
        semconv.SERVER_DURATION_MS: _milliseconds(calls.store_start, calls.store_end),
    }
    client = SpanRows(
        calls.ranker, calls.trace, attempt_slot(calls.attempt, FETCH),
        attempt_slot(calls.attempt, SERVER), calls.fetch_start, calls.fetch_end, columns,
    )  # fmt: skip
    shape = _client("FeatureStore/Get", "feature-store", names)
    yield from split_by_state(
        client, state, [(0, shape, None), (1, shape, Failure("INTERNAL", "feature look-up failed"))]
    )
    server = SpanRows(
        calls.store, calls.trace, attempt_slot(calls.attempt, STORE),
        attempt_slot(calls.attempt, FETCH), calls.store_start, calls.store_end,
        {"app.rows": encode_integers(16 + calls.tokens % 112, 1)},
    )  # fmt: skip
    shape = Shape(
        "FeatureStore/Get", Span.SPAN_KIND_SERVER, _rpc("FeatureStore/Get"), integers={"app.rows": 1}
    )
    failure = Failure(*EXCEPTIONS[STORE_FAILED], exception=True)
    yield from split_by_state(server, state, [(0, shape, None), (1, shape, failure)])


def _milliseconds(start: Ints, end: Ints) -> Bytes2D:
    return encode_doubles((end - start) / 1e6)
