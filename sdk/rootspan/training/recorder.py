"""This process's training recorder: the current step, who sends detail, and what becomes of a step that ends.

Owns the one recorder of a process and its lock-free state. Phases and collectives report to it; spans leave
through `emission`. Nothing here raises into the program.
"""

from __future__ import annotations

import functools
import logging
import os
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from opentelemetry import context as otel_context
from opentelemetry import trace as otel_trace
from opentelemetry.trace import Link, Span, Tracer, TracerProvider

from rootspan import semconv
from rootspan.guard import harmless
from rootspan.resource.job import JobPlace, detect
from rootspan.spans.outcome import settle
from rootspan.spans.scope import AttributeValue
from rootspan.training import emission, waiting
from rootspan.training.detail import Detail, default_detail, detail_of
from rootspan.training.ring import ENDED_NS, ERROR, STEP, TOLD, Channel, CollectiveRing, Record, close
from rootspan.training.step import Step, total_bytes
from rootspan.training.step_ids import BEFORE_STEPS, start_root, step_trace_id
from rootspan.training.suspicion import OwnTime

if TYPE_CHECKING:
    from rootspan.gpu.cuda_events import PhaseClock

_logger = logging.getLogger("rootspan")
_MAX_UNFINISHED = 1024
_MAX_DEVICE_STEPS = 64


class Recorder:
    """What a rank knows of its own training.

    Attributes:
        place: Who it is in the job.
        ring: Its newest collectives.
        channels: Groups by their label.
        step: The step it is in, or None. Read on every collective, so it is a plain attribute.
        detail: Which ranks send everything.
        device_clock: What times phases on a GPU, or None.
        find_device_clock: Asked for it at each step until there is one.
    """

    def __init__(self, place: JobPlace | None = None, ring: CollectiveRing | None = None) -> None:
        found = place or detect() or _place_from_torch() or JobPlace(job=f"local-{os.urandom(6).hex()}")
        if not found.named and found.world_size > 1:
            _logger.info(
                "nothing names this training job; its traces are told apart by %r. Set ROOTSPAN_JOB_ID, or "
                "torchrun --rdzv-id, to the same value on all ranks to name it",
                found.job,
            )
        self._tracer: tuple[TracerProvider, Tracer] | None = None
        self.set_place(found)
        self.ring = ring or CollectiveRing()
        self.channels: dict[str, Channel] = {}
        self.step: Step | None = None
        self.detail = _configured_detail(found.world_size)
        self.step_durations_ns: deque[int] = deque(maxlen=64)
        self._own_time = OwnTime()
        self._unfinished: list[tuple[Record, otel_context.Context]] = []
        self._waited: tuple[int, int] | None = None
        self._demanded = False
        # Re-entrant: a signal's handler may run in the thread that is closing a step.
        self._closing = threading.RLock()
        self.device_clock: PhaseClock | None = None
        self.find_device_clock: Callable[[], PhaseClock | None] | None = None
        self._device_steps: deque[Step] = deque()

    def set_place(self, place: JobPlace) -> None:
        """Change who this rank is, for the steps to come."""
        self.place = place
        self.attributes: Mapping[str, AttributeValue] = place.attributes()

    def locate_again(self) -> None:
        """Ask PyTorch who this rank is, where no variable told: process groups may exist by now."""
        found = None if detect() is not None else _place_from_torch()
        if found is not None:
            self.set_place(found.with_parallel(self.place.parallel))

    def demand(self) -> None:
        """Have the step that is running, or the next one, be sent in detail."""
        self._demanded = True

    def waited_for_data(self, start_ns: int, end_ns: int) -> None:
        """Note a wait for data between steps: the next step begins with it."""
        begun = self._waited[0] if self._waited is not None else start_ns
        self._waited = begun, end_ns

    def tracer(self) -> Tracer:
        """The tracer of the provider of the moment."""
        provider = otel_trace.get_tracer_provider()
        known = self._tracer
        if known is None or known[0] is not provider:
            self._tracer = known = provider, provider.get_tracer("rootspan.training")
        return known[1]

    def begin(self, number: int, attributes: Mapping[str, AttributeValue]) -> Step:
        """Start a step and make its span current. Its root belongs to the trace that all ranks share."""
        if self.device_clock is None and self.find_device_clock is not None:
            self.device_clock = self.find_device_clock()
        waited, self._waited = self._waited, None
        now_ns = time.time_ns()
        place = self.place
        around = otel_trace.get_current_span().get_span_context()
        span = start_root(
            self.tracer(),
            semconv.SPAN_TRAIN_STEP,
            step_trace_id(place.job, place.attempt, number),
            waited[0] if waited is not None else now_ns,
            attributes={**self.attributes, semconv.TRAINING_STEP: number, **attributes},
            # What the step lies within, such as the span of the whole run, is another trace.
            links=[Link(around)] if around.is_valid else [],
        )
        step = Step(
            number,
            span,
            otel_context.get_current(),
            waited[0] if waited is not None else now_ns,
            detailed=span.is_recording() and (self.detail.covers(place.rank) or self._own_time.is_suspect()),
            first_record=self.ring.n_added,
        )
        if waited is not None:
            step.add("data", *waited)
        otel_context.attach(otel_trace.set_span_in_context(span, otel_context.Context()))
        self.step = step
        return step

    def begin_join(self) -> Span:
        """Start the span of this rank's joining the job, in a trace that all ranks share.

        Where no launcher told who this rank is, only joining does: then nothing is told of it.
        """
        place = self.place
        if detect() is None:
            return otel_trace.INVALID_SPAN
        return start_root(
            self.tracer(),
            semconv.SPAN_TRAIN_JOIN,
            step_trace_id(place.job, place.attempt, BEFORE_STEPS),
            time.time_ns(),
            attributes={**self.attributes, semconv.TRAINING_PHASE: "join"},
            links=[],
        )

    def end(self, step: Step, error: BaseException | None) -> None:
        """End a step: its summary always, its detail if this rank sends any."""
        while step.phase is not None:  # one that a hook opened and an exception left open
            step.phase.__exit__(None, None, None)
        otel_context.attach(step.above)
        with self._closing:
            if self._take(step):
                self._close(step, error)

    def is_waiting(self) -> bool:
        """Whether a collective of the running step is pending."""
        step = self.step
        return step is not None and any(record[STEP] is step for record in self.ring.pending())

    def interrupt(self, why: str) -> None:
        """End the step that is running, from any thread, because the process is about to end.

        What is pending then is sent as it stands: which collective a rank was in when it was ended is what
        people ask next.
        """
        step = self.step
        if step is None:
            if self._closing.acquire(timeout=1.0):
                self._closing.release()
            return
        while step.phase is not None:
            step.phase.__exit__(None, None, None)
        # What the program's own thread is just closing must be sent before the process ends.
        held = self._closing.acquire(timeout=1.0)
        try:
            if self._take(step):
                self._close(step, InterruptedError(why))
        finally:
            if held:
                self._closing.release()

    def _take(self, step: Step) -> bool:
        """Whether the caller is the one to end a step; the thread that interrupts may have been faster."""
        with _lock:
            if step.end_ns:
                return False
            step.end_ns = time.time_ns()
            if self.step is step:
                self.step = None
            return True

    @harmless
    def _close(self, step: Step, error: BaseException | None) -> None:
        records, n_lost = self.ring.since(step.first_record)
        if error is not None:
            self._fail(step, records, error)
        step.settle_waits(records)
        self.step_durations_ns.append(step.end_ns - step.start_ns)
        unusual = self._own_time.judge(step.own_time_ns())
        if error is not None or any(record[ERROR] for record in records):
            step.suspect = "error"
            self._own_time.raise_suspicion()
        elif step.suspect is not None:
            self._own_time.raise_suspicion()
        elif unusual:
            step.suspect = "own_time"
        span = step.span
        if span.is_recording():
            span.set_attributes(_summary(step, records, n_lost))
            if step.detailed or step.suspect is not None or self._demanded:
                self._demanded = False
                inside = otel_trace.set_span_in_context(span, otel_context.Context())
                tracer = self.tracer()
                self._send_unfinished(tracer)
                emission.send_phases(tracer, step, inside, self.attributes)
                emission.send_collectives(tracer, records, inside, self.attributes)
                self._unfinished += [(record, inside) for record in records if not record[ENDED_NS]]
                del self._unfinished[:-_MAX_UNFINISHED]
        settle(span, error)
        if step.device_marks:
            self._device_steps.append(step)
        else:
            span.end(step.end_ns)
        self.end_device_steps(wait_for_device=error is None)

    def _fail(self, step: Step, records: list[Record], error: BaseException) -> None:
        """Have what was pending fail with its step, and tell of it where a collective failed by itself.

        A rank that is ended from outside, as all are when a job is stopped, tells nothing: that the others
        waited for it a moment means nothing then.
        """
        by_itself = any(record[ERROR] for record in records)
        for record in records:
            close(record, type(error).__qualname__)
        if by_itself:
            failed = [record for record in records if record[ERROR]]
            waiting.tell(failed, self.channels, step, step.end_ns, attributes=self.attributes)
            for record in failed:
                record[TOLD] = True  # a span would say that it ended

    def end_device_steps(self, *, wait_for_device: bool) -> None:
        """Send the steps whose work on the device is over; all of them, without its times, if asked not to
        wait.

        A step's span waits for its events, some steps long, because its summary holds their times: reading
        them at once would make the program wait for the device.
        """
        while self._device_steps:
            step = self._device_steps[0]
            seconds: dict[str, float] = {}
            clock = self.device_clock
            if clock is not None and wait_for_device and len(self._device_steps) <= _MAX_DEVICE_STEPS:
                if not step.device_marks[-1][2].query():
                    return
                for name, begin, end in step.device_marks:
                    seconds[name] = seconds.get(name, 0.0) + (clock.seconds(begin, end) or 0.0)
            self._device_steps.popleft()
            for name, value in seconds.items():
                step.span.set_attribute(semconv.TRAINING_PHASE_GPU_SECONDS.format(name), value)
            step.span.end(step.end_ns)

    def _send_unfinished(self, tracer: Tracer) -> None:
        """Send what outlived its step and has ended since."""
        waiting, self._unfinished = self._unfinished, []
        for record, inside in waiting:
            if record[ENDED_NS]:
                emission.send_collectives(tracer, [record], inside, self.attributes)
            else:
                self._unfinished.append((record, inside))


def _summary(step: Step, records: list[Record], n_lost: int) -> dict[str, AttributeValue]:
    found: dict[str, AttributeValue] = {
        semconv.TRAINING_PHASE_SECONDS.format(name): own_ns / 1e9 for name, own_ns in step.own_ns.items()
    }
    if records or n_lost:
        found[semconv.TRAINING_COLLECTIVE_COUNT] = len(records) + n_lost
        found[semconv.TRAINING_COLLECTIVE_TOTAL_BYTES] = total_bytes(records)
    if n_lost:
        found[semconv.TRAINING_COLLECTIVE_LOST] = n_lost
    if step.suspect is not None:
        found[semconv.TRAINING_SUSPECT] = step.suspect
    if step.tokens is not None and step.end_ns > step.start_ns:
        found[semconv.TRAINING_TOKENS_PER_SECOND] = step.tokens / (step.end_ns - step.start_ns) * 1e9
    return found


def _configured_detail(world_size: int) -> Detail:
    text = os.environ.get("ROOTSPAN_TRAINING_DETAIL", "").strip()
    if text:
        try:
            return detail_of(text)
        except ValueError as err:
            _logger.warning("ROOTSPAN_TRAINING_DETAIL: %s; using the default", err)
    return default_detail(world_size)


def _place_from_torch() -> JobPlace | None:
    """The place by the process group, where no variable tells it: ranks that a program spawned by itself."""
    distributed = sys.modules.get("torch.distributed")
    if distributed is None or not distributed.is_available() or not distributed.is_initialized():
        return None
    address = f"{os.environ.get('MASTER_ADDR', 'localhost')}:{os.environ.get('MASTER_PORT', '0')}"
    return JobPlace(
        job=os.environ.get("ROOTSPAN_JOB_ID") or address,
        named="ROOTSPAN_JOB_ID" in os.environ,
        rank=distributed.get_rank(),
        world_size=distributed.get_world_size(),
    )


_lock = threading.Lock()
_recorder: Recorder | None = None


def recorder() -> Recorder:
    """The recorder of this process, made at its first use."""
    return _recorder or _make()


def replace_recorder(new: Recorder | None) -> None:
    """Install another recorder, or none: for tests, and for a process that changes its place."""
    global _recorder
    _recorder = new


def _make() -> Recorder:
    global _recorder
    with _lock:
        if _recorder is None:
            _recorder = Recorder()
            _hook_fork()
        return _recorder


@functools.cache
def _hook_fork() -> None:
    # A child of a rank (a data loader's worker) is no rank: it must not end its parent's step.
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=functools.partial(replace_recorder, None))
