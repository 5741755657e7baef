"""Real Ray: tasks and actors in processes of their own go on in the driver's trace."""

from __future__ import annotations

import pytest

from rootspan.testing import Receiver, attributes_of
from support.programs import RunProgram

pytest.importorskip("ray")

PROGRAM = """
    import warnings
    warnings.simplefilter("ignore")  # Ray's own
    import os
    os.environ["OTEL_EXPORTER_OTLP_ENDPOINT"] = "http://{endpoint}"
    os.environ["OTEL_SERVICE_NAME"] = "ray-worker"
    import rootspan
    rootspan.init("driver", metrics=False)
    import ray
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False,
             _tracing_startup_hook="rootspan.integrations.ray:start")

    @ray.remote
    def task():
        with rootspan.span("in task"):
            return os.getpid()

    @ray.remote
    class Actor:
        def method(self):
            with rootspan.span("in actor"):
                return os.getpid()

        def flush(self):
            return rootspan.flush(10)

    @ray.remote
    def flush():
        return rootspan.flush(10), os.getpid()

    with rootspan.span("main"):
        actor = Actor.remote()
        in_task, in_actor = ray.get(task.remote()), ray.get(actor.method.remote())
    assert ray.get(actor.flush.remote())
    # Whichever worker ran the task, in the order in which Ray hands them out.
    assert any(ray.get(flush.remote()) == (True, in_task) for _ in range(200))
    print(os.getpid(), in_task, in_actor)
    ray.shutdown()
"""


def test_ray_tasks_and_actors_go_on_in_the_drivers_trace(receiver: Receiver, run_program: RunProgram) -> None:
    done = run_program(PROGRAM.format(endpoint=receiver.endpoint), timeout_s=120, RAY_USAGE_STATS_ENABLED="0")
    assert done.code == 0, done.err
    driver, in_task, in_actor = map(int, done.out.split()[-3:])
    spans = {span.span_id: (attributes_of(who), span) for who, span in receiver.spans()}
    by_name = {span.name: (who, span) for who, span in spans.values()}
    for name, pid in (("in task", in_task), ("in actor", in_actor)):
        who, span = by_name[name]
        assert (who["process.pid"], who["service.name"]) == (pid, "ray-worker")
        assert span.trace_id == by_name["main"][1].trace_id
        above = []
        while span.parent_span_id:
            _, span = spans[span.parent_span_id]
            above.append(span.name.rpartition(" ")[2])
        assert above == ["ray.remote_worker", "ray.remote", "main"]
    assert len({driver, in_task, in_actor}) == 3
