"""Parts of a step by hand: `phase("forward")`, `checkpoint(...)`, `collective(...)`.

Owns how a phase begins and ends, as a `with` block or around a function. In detail it is a span and current,
so that logs and spans within it belong to it; otherwise it costs two readings of the clock.
"""

from __future__ import annotations

import functools
import inspect
import threading
import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, cast

from opentelemetry import context as otel_context
from opentelemetry import trace as otel_trace
from opentelemetry.trace import Span, SpanKind

from rootspan import semconv
from rootspan.guard import harmless
from rootspan.spans.scope import AttributeValue, end_span
from rootspan.training.recorder import Recorder, recorder
from rootspan.training.ring import Channel, Record, Wait, close
from rootspan.training.step import COLLECTIVE, Step, TimedPhase

if TYPE_CHECKING:
    from rootspan.gpu.cuda_events import Event

FunctionT = TypeVar("FunctionT", bound=Callable[..., object])
PHASES = ("data", "h2d", "forward", "backward", "optimizer", COLLECTIVE, "checkpoint", "eval")
"""Names that the analysis knows; others are welcome and shown as they are."""


class PhaseScope(Protocol):
    """Context manager around a part of a step; decorates a function, too."""

    def __enter__(self) -> object:
        """Begin."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None, /
    ) -> None:
        """End; an exception goes on."""

    def __call__(self, function: FunctionT, /) -> FunctionT:
        """Have every call of a function be such a part."""


def phase(name: str, *, microbatch: int | None = None, **attributes: AttributeValue) -> PhaseScope:
    """A part of a training step: `with phase("forward"):` or `@phase("forward")`.

    Its seconds, without those of phases within it, become `training.phase.<name>.seconds` on the step; ranks
    in detail also send a span `train.<name>`. Outside of a step it is a span of its own.

    Args:
        name: data, h2d, forward, backward, optimizer, collective, checkpoint or eval; or one of yours.
        microbatch: Which microbatch, from 0, in a pipeline or with gradient accumulation.
        **attributes: More attributes of its span.
    """
    return Phase(name, microbatch, attributes)


def checkpoint(action: str = "save", *, path: str | None = None, size_bytes: int | None = None) -> PhaseScope:
    """The phase "checkpoint": saving or loading the state.

    Args:
        action: "save" or "load".
        path: Where to, or where from.
        size_bytes: How much this rank moves.
    """
    told: dict[str, AttributeValue] = {semconv.TRAINING_CHECKPOINT_ACTION: action}
    if path is not None:
        told[semconv.TRAINING_CHECKPOINT_PATH] = path
    if size_bytes is not None:
        told[semconv.TRAINING_CHECKPOINT_BYTES] = size_bytes
    return Phase("checkpoint", None, told)


def collective(op: str, *, group: str = "world", size_bytes: int = 0, peer: int | None = None) -> PhaseScope:
    """A collective that torch.distributed does not carry out: MPI, a library of your own.

    Numbered from 0 per group, and per peer for sends and receives; every rank of the group must therefore
    wrap the same ones. Collectives of torch.distributed need no such block: `rootspan.training.watch()`
    records them.

    Args:
        op: "all_reduce", "send", ...
        group: Names the group, alike on all its ranks.
        size_bytes: What this rank contributes.
        peer: The other rank of a send or a receive, counted in the whole job.
    """
    return _Collective(op, group, size_bytes, peer)


class _Scope:
    """What phases and collectives share: being repeatable around a function."""

    __slots__ = ()

    def again(self) -> PhaseScope:
        """A fresh one with the same settings."""
        raise NotImplementedError

    def __call__(self, function: FunctionT, /) -> FunctionT:
        """Have every call of a function be such a part."""
        if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
            raise TypeError(f"{function!r} is a generator: use a `with` block inside of it")
        if inspect.iscoroutinefunction(function):

            @functools.wraps(function)
            async def measured_async(*args: Any, **kwargs: Any) -> Any:
                with self.again():
                    return await function(*args, **kwargs)

            return cast("FunctionT", measured_async)

        @functools.wraps(function)
        def measured(*args: Any, **kwargs: Any) -> Any:
            with self.again():
                return function(*args, **kwargs)

        return cast("FunctionT", measured)


class Phase(_Scope):
    """The scope behind `phase()`; also what the step's account sees."""

    __slots__ = (
        "_attributes", "_counted", "_mark", "_previous", "end_ns", "inner_ns", "microbatch", "name", "outer",
        "span", "start_ns",
    )  # fmt: skip

    def __init__(self, name: str, microbatch: int | None, attributes: Mapping[str, AttributeValue]) -> None:
        self.name, self.microbatch, self._attributes = name, microbatch, attributes
        self.span: Span | None = None
        self.outer: TimedPhase | None = None
        self.inner_ns = self.start_ns = self.end_ns = 0
        self._mark: Event | None = None

    def again(self) -> Phase:
        """A fresh one with the same settings."""
        return Phase(self.name, self.microbatch, self._attributes)

    def __enter__(self) -> Phase:
        """Begin."""
        now = recorder()
        step = now.step
        # Only the thread of the step is accounted for: what others do, such as an asynchronous checkpoint,
        # happens beside it.
        self._counted = step if step is not None and step.thread == threading.get_ident() else None
        if self._counted is not None:
            self.outer, self._counted.phase = self._counted.phase, self
            if now.device_clock is not None:
                self._mark = now.device_clock.mark()
        self.start_ns = time.time_ns()
        # What is a collective has a span of its own; a phase around it only says whose time it is.
        if self.name != COLLECTIVE and (self._counted is None or self._counted.detailed):
            self._begin_span(now, step)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None, /
    ) -> None:
        """End; an exception goes on."""
        self.end_ns = time.time_ns()
        if self.span is not None:
            otel_context.attach(self._previous)
            end_span(self.span, error)
        if self._counted is not None:
            clock = recorder().device_clock
            if clock is not None and self._mark is not None:
                self._counted.device_marks.append((self.name, self._mark, clock.mark()))
            self._counted.leave(self, self.microbatch, sent=self.span is not None or self.name == COLLECTIVE)

    @harmless
    def _begin_span(self, now: Recorder, step: Step | None) -> None:
        told: dict[str, AttributeValue] = {**now.attributes, semconv.TRAINING_PHASE: self.name}
        if step is not None:
            told[semconv.TRAINING_STEP] = step.number
        if self.microbatch is not None:
            told[semconv.TRAINING_MICROBATCH] = self.microbatch
        told.update(self._attributes)
        self._previous = otel_context.get_current()
        tracer = now.tracer()
        self.span = tracer.start_span(
            f"train.{self.name}", self._previous, SpanKind.INTERNAL, told, (), self.start_ns
        )
        otel_context.attach(otel_trace.set_span_in_context(self.span, self._previous))


class _Collective(_Scope):
    """The scope behind `collective()`."""

    __slots__ = ("_group", "_op", "_peer", "_record", "_size_bytes")

    def __init__(self, op: str, group: str, size_bytes: int, peer: int | None) -> None:
        self._op, self._group, self._size_bytes, self._peer = op, group, size_bytes, peer

    def again(self) -> _Collective:
        """A fresh one with the same settings."""
        return _Collective(self._op, self._group, self._size_bytes, self._peer)

    def __enter__(self) -> object:
        """Begin."""
        now = recorder()
        channel = now.channels.get(self._group)
        if channel is None:
            channel = now.channels.setdefault(self._group, Channel(self._group))
        self._record: Record
        if self._peer is None:
            self._record = now.ring.open(self._op, channel, self._size_bytes, now.step, Wait.AT_ONCE)
        else:
            self._record = now.ring.open_pair(
                self._op, channel, self._size_bytes, self._peer, now.step, Wait.AT_ONCE
            )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None, /
    ) -> None:
        """End; an exception goes on."""
        close(self._record, None if error is None else type(error).__qualname__)
