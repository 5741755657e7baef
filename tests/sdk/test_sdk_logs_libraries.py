"""structlog and loguru, and what keeps shipping from blocking or recursing whatever library logs."""

from __future__ import annotations

import logging
import socket

import pytest
from opentelemetry.sdk._logs import LoggerProvider, LogRecordProcessor, ReadWriteLogRecord
from opentelemetry.sdk.resources import Resource

import rootspan
from rootspan.logs import ContextFilter, OtlpHandler, context_fields
from rootspan.testing import Captured, Receiver, attributes_of
from support.programs import RunProgram

pytest.importorskip("structlog")
pytest.importorskip("loguru")

LIBRARIES = """
    import logging, sys
    import rootspan
    rootspan.init("trainer", {endpoint!r}, metrics=False, instrument=["structlog", "loguru"])
    import structlog
    from loguru import logger

    def fail():
        raise RuntimeError("CUDA error")

    def configure():
        structlog.configure(processors=[structlog.processors.JSONRenderer()])
        logger.remove()
        logger.add(sys.stdout, format="{{message}} trace={{extra[trace_id]}} rank={{extra[rank]}}")

    {configure}
    with rootspan.span("step", {{"training.step": 7, "training.rank": 3}}):
        structlog.get_logger("app").info("from structlog", shard=3, shape=(1, 2))
        logger.bind(shard=4).info("from loguru {{}}", "now")
        try:
            fail()
        except RuntimeError:
            structlog.get_logger().exception("structlog failed")
            logger.exception("loguru failed")
    logger.info("outside")
"""


@pytest.mark.parametrize("configure", ["configure()", ""])
def test_structlog_and_loguru_are_shipped_with_trace_span_rank_and_step(
    receiver: Receiver, run_program: RunProgram, configure: str
) -> None:
    done = run_program(LIBRARIES.format(endpoint=receiver.endpoint, configure=configure))
    assert done.code == 0, done.err
    (span,) = [span for _, span in receiver.spans()]
    records = {record.body.string_value: record for _, record in receiver.logs()}
    assert set(records) == {
        "from structlog",
        "from loguru now",
        "structlog failed",
        "loguru failed",
        "outside",
    }
    for body, record in records.items():
        told = attributes_of(record)
        if body == "outside":
            assert (record.trace_id, "training.rank" in told) == (b"", False)
            continue
        assert (record.trace_id, record.span_id) == (span.trace_id, span.span_id), body
        assert (told["training.step"], told["training.rank"]) == (7, 3)
        assert "trace_id" not in told  # it is the record's own
        if "failed" in body:
            assert record.severity_text == "ERROR"
            assert (told["exception.type"], told["exception.message"]) == ("RuntimeError", "CUDA error")
            assert "in fail" in str(told["exception.stacktrace"])
    assert attributes_of(records["from structlog"])["shard"] == 3
    assert attributes_of(records["from structlog"])["shape"] == "(1, 2)"
    assert attributes_of(records["from loguru now"])["shard"] == 4
    if configure:
        trace_id = span.trace_id.hex()
        assert f"from loguru now trace={trace_id} rank=3" in done.out
        assert "outside trace=- rank=-" in done.out
        assert f'"trace_id": "{trace_id}"' in done.out


def test_a_record_handed_from_one_library_to_another_is_shipped_once(
    receiver: Receiver, run_program: RunProgram
) -> None:
    done = run_program(
        f"""
        import logging
        import rootspan, structlog
        from loguru import logger
        rootspan.init("app", {receiver.endpoint!r}, metrics=False, instrument=["structlog", "loguru"])

        class Intercept(logging.Handler):  # as loguru's documentation has it
            def emit(self, record):
                logger.opt(depth=6, exception=record.exc_info).log(record.levelname, record.getMessage())

        logging.basicConfig(handlers=[Intercept()], level=logging.INFO)
        logging.getLogger("a").info("standard to loguru")
        structlog.configure(
            processors=[structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
            logger_factory=structlog.stdlib.LoggerFactory(),
        )
        structlog.get_logger("b").info("structlog to standard", shard=5)
        """
    )
    assert done.code == 0, done.err
    found = sorted(
        (record.body.string_value, attributes_of(record).get("shard")) for _, record in receiver.logs()
    )
    assert found == [("standard to loguru", None), ("structlog to standard", 5)]


def test_a_text_format_of_the_programs_own_can_tell_trace_rank_and_step(
    captured: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RANK", "2")
    lines: list[str] = []

    class Lines(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(self.format(record))

    handler = Lines()
    handler.addFilter(ContextFilter())
    handler.setFormatter(logging.Formatter("%(message)s %(trace_id)s %(span_id)s %(rank)s %(step)s"))
    log = logging.getLogger("text")
    log.addHandler(handler)
    try:
        with rootspan.span("step", {"training.step": 9}):
            log.warning("inside")
        log.warning("outside")
    finally:
        log.removeHandler(handler)
    span = captured.one("step")
    assert lines == [f"inside {span.trace_id:032x} {span.span_id:016x} 2 9", "outside - - 2 -"]
    assert [record.attributes["training.rank"] for record in captured.logs] == [2, 2]
    assert "trace_id" not in captured.logs[0].attributes
    assert context_fields() == {"rank": 2}


def test_logging_within_the_exporter_does_not_recurse() -> None:
    made: list[str] = []
    log = logging.Logger("app")

    class Talking(LogRecordProcessor):
        """An exporter that logs what it does, by the logger that it exports."""

        def on_emit(self, log_record: ReadWriteLogRecord) -> None:
            made.append(str(log_record.log_record.body))
            log.error("exporting %s", log_record.log_record.body)

        def shutdown(self) -> None:
            pass

        def force_flush(self, timeout_millis: int = 30_000) -> bool:
            return True

    provider = LoggerProvider(resource=Resource({}), shutdown_on_exit=False)
    provider.add_log_record_processor(Talking())
    log.addHandler(OtlpHandler(provider))
    log.warning("first")
    log.warning("second")
    assert made == ["first", "second"]


def test_what_logs_while_a_batch_is_exported_is_not_exported(
    receiver: Receiver, run_program: RunProgram
) -> None:
    done = run_program(
        f"""
        import logging, threading
        import rootspan
        from loguru import logger
        from rootspan.export.transport import OtlpTransport
        logger.remove()
        logging.basicConfig(level=logging.DEBUG, handlers=[logging.NullHandler()])
        rootspan.init("app", {receiver.endpoint!r}, metrics=False, instrument=["loguru", "structlog"])
        import structlog
        structlog.configure(processors=[structlog.processors.JSONRenderer()])
        exported = threading.Event()
        original = OtlpTransport.__dict__["deliver"]
        def talking(self, *args, **kwargs):
            exported.set()
            logging.getLogger("app").error("exporting")
            logger.error("exporting")
            structlog.get_logger().error("exporting")
            return original(self, *args, **kwargs)
        OtlpTransport.deliver = talking
        logging.getLogger("app").info("one")
        for _ in range(3):
            assert rootspan.flush(5)
        assert exported.is_set()
        """
    )
    assert done.code == 0, done.err
    assert [record.body.string_value for _, record in receiver.logs()] == ["one"]


def test_neither_library_waits_for_a_collector_that_hangs_or_for_a_full_queue(
    run_program: RunProgram,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        done = run_program(
            f"""
        import io, time
        import rootspan
        rootspan.init("app", "127.0.0.1:{listener.getsockname()[1]}", exit_timeout_s=0.2, metrics=False,
                      instrument=["loguru", "structlog"])
        import structlog
        from loguru import logger
        logger.remove()
        structlog.configure(processors=[structlog.processors.JSONRenderer()],
                            logger_factory=structlog.PrintLoggerFactory(io.StringIO()))
        events, slowest = structlog.get_logger(), 0.0
        for i in range(3000):
            for log in (logger, events):
                begin = time.perf_counter()
                log.info("record")
                slowest = max(slowest, time.perf_counter() - begin)
        assert slowest < 0.5, slowest
        print(rootspan.shutdown().sentence())
        """,
            OTEL_BLRP_MAX_QUEUE_SIZE="500",
        )
    assert done.code == 0, done.err
    assert "log records (queue full)" in done.out
