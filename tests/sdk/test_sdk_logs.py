from __future__ import annotations

import logging
import logging.config
import threading
import time

import pytest
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor
from opentelemetry.sdk.resources import Resource

import rootspan
from rootspan.logs import OtlpHandler
from rootspan.testing import Captured, Receiver
from support.programs import RunProgram


def test_severity_extras_place_and_exception_are_kept(captured: Captured) -> None:
    log = logging.getLogger("app.model")
    try:
        raise RuntimeError("CUDA error")
    except RuntimeError:
        log.exception("step %d failed", 3, extra={"rank": 5, "shape": (1, 2)})
    (record,) = captured.logs
    assert (record.body, record.severity) == ("step 3 failed", "ERROR")
    assert record.attributes["rank"] == 5
    assert record.attributes["shape"] == "(1, 2)"
    assert record.attributes["exception.type"] == "RuntimeError"
    assert record.attributes["exception.message"] == "CUDA error"
    assert "test_sdk_logs.py" in str(record.attributes["code.file.path"])
    assert record.attributes["code.function.name"] == "test_severity_extras_place_and_exception_are_kept"


@pytest.mark.parametrize("name", ["rootspan", "grpc", "grpc._channel", "opentelemetry.sdk.trace"])
def test_records_of_the_way_telemetry_travels_are_not_shipped(captured: Captured, name: str) -> None:
    logging.getLogger(name).error("export failed")
    assert captured.logs == []


def test_a_logger_that_does_not_propagate_and_one_configured_by_dict_are_shipped(captured: Captured) -> None:
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "loggers": {"uvicorn.test": {"handlers": [], "level": "INFO", "propagate": False}},
        }
    )
    logging.getLogger("uvicorn.test").info("started")
    assert [log.body for log in captured.logs] == ["started"]


def test_a_record_whose_arguments_do_not_fit_is_left_to_the_programs_handlers(captured: Captured) -> None:
    log = logging.Logger("lonely")  # outside of the tree: no handler of pytest formats it
    log.addHandler(logging.NullHandler())
    log.warning("%d", "no number")
    assert captured.logs == []


def test_logging_from_many_threads_keeps_each_in_its_span(captured: Captured) -> None:
    def work(i: int) -> None:
        with rootspan.span("work", i=i):
            for _ in range(20):
                logging.getLogger("app").warning("%d", i)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    of_span = {span.span_id: span.attributes["i"] for span in captured.spans}
    assert len(captured.logs) == 160
    assert all(of_span[log.span_id] == int(log.body) for log in captured.logs)


def test_basic_config_and_last_resort_behave_as_without_us(
    receiver: Receiver, run_program: RunProgram
) -> None:
    done = run_program(
        f"""
        import logging, rootspan
        rootspan.init("app", {receiver.endpoint!r}, metrics=False)
        logging.getLogger("app").warning("to last resort")
        assert logging.getLogger().handlers == []
        logging.basicConfig(level=logging.INFO, format="FORMATTED %(message)s")
        logging.getLogger("app").info("to basicConfig")
        """
    )
    assert done.err.splitlines() == ["to last resort", "FORMATTED to basicConfig"]
    assert [record.body.string_value for _, record in receiver.logs()] == ["to last resort", "to basicConfig"]


def test_the_handler_serves_a_provider_of_the_programs_own() -> None:
    exporter = InMemoryLogRecordExporter()
    provider = LoggerProvider(resource=Resource({}), shutdown_on_exit=False)
    provider.add_log_record_processor(SimpleLogRecordProcessor(exporter))
    log = logging.Logger("chosen")
    log.addHandler(OtlpHandler(provider, level=logging.ERROR))
    log.warning("below its level")
    log.error("taken")
    assert [one.log_record.body for one in exporter.get_finished_logs()] == ["taken"]


def test_after_shutdown_records_are_left_alone(receiver: Receiver, run_program: RunProgram) -> None:
    done = run_program(
        f"""
        import logging, rootspan
        original = logging.Logger.callHandlers
        rootspan.init("app", {receiver.endpoint!r}, metrics=False)
        logging.getLogger("app").warning("shipped")
        rootspan.shutdown()
        assert logging.Logger.callHandlers is original
        logging.getLogger("app").warning("not shipped any more")
        """
    )
    assert (done.code, done.err.splitlines()) == (0, ["shipped", "not shipped any more"])
    assert [record.body.string_value for _, record in receiver.logs()] == ["shipped"]


def test_debug_logs_of_grpc_and_opentelemetry_do_not_loop(
    receiver: Receiver, run_program: RunProgram
) -> None:
    done = run_program(
        f"""
        import logging, rootspan
        logging.basicConfig(level=logging.DEBUG, handlers=[logging.NullHandler()])
        rootspan.init("app", {receiver.endpoint!r}, metrics=False)
        logging.getLogger("app").info("one")
        for _ in range(5):
            assert rootspan.flush(5)
        print(rootspan.delivery().sent["log records"])
        """
    )
    assert done.out.strip() == "1", done.err


def test_a_hanging_collector_does_not_slow_the_caller(run_program: RunProgram) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as listener:
        begin = time.monotonic()
        done = run_program(
            f"""
        import logging, time, rootspan
        logging.basicConfig(level=logging.INFO, handlers=[logging.NullHandler()])
        rootspan.init("app", "127.0.0.1:{listener.getsockname()[1]}", exit_timeout_s=0.2)
        log, slowest = logging.getLogger("app"), 0.0
        for i in range(20_000):
            begin = time.perf_counter()
            log.info("record %d", i)
            slowest = max(slowest, time.perf_counter() - begin)
        assert slowest < 0.5, slowest
        print(rootspan.shutdown().sentence())
        """
        )
    assert done.code == 0, done.err
    assert "log records (queue full)" in done.out
    assert time.monotonic() - begin < 20
