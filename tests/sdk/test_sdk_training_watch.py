"""Switching training telemetry on: what is missing or wrong is told; an end by SIGTERM delivers first."""

from __future__ import annotations

import importlib.util
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import rootspan
from rootspan.gpu import watch as watch_gpus
from rootspan.testing import Receiver, attributes_of
from rootspan.training import watch
from support.programs import RunProgram


@pytest.mark.parametrize(("name", "extra"), [("torch", "torch"), ("pynvml", "gpu")])
def test_a_missing_library_is_told_with_its_extra(
    monkeypatch: pytest.MonkeyPatch, name: str, extra: str
) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda one: None if one == name else find(one))
    switch_on = watch if name == "torch" else watch_gpus
    with pytest.raises(rootspan.MissingExtraError, match=rf"rootspan\[{extra}\]") as raised:
        switch_on()
    assert raised.value.extra == extra
    with pytest.raises(rootspan.MissingExtraError, match=rf"rootspan\[{extra}\]"):
        rootspan.init("trainer", instrument=["torch" if name == "torch" else "nvml"])


@pytest.mark.parametrize(
    ("settings", "told"), [({"hang_after_s": 0}, "0.1 to 86400"), ({"detail": "some"}, '"suspects"')]
)
def test_a_wrong_setting_is_refused_with_its_limits(settings: dict[str, object], told: str) -> None:
    pytest.importorskip("torch")
    with pytest.raises(rootspan.ConfigurationError, match=told):
        watch(**settings)  # type: ignore[arg-type]


def test_a_wrong_variable_is_told_and_its_default_used(run_program: RunProgram) -> None:
    done = run_program(
        """
        import logging
        logging.basicConfig(level=logging.WARNING)
        import rootspan
        with rootspan.train_step(1), rootspan.phase("forward"):
            pass
        print("trained")
        """,
        ROOTSPAN_TRAINING_DETAIL="everyone",
    )
    assert done.out.strip() == "trained"
    assert 'ROOTSPAN_TRAINING_DETAIL: detail is \'everyone\': use "all", "suspects"' in done.err


BLOCKED = """
    import ctypes, signal, sys
    import rootspan
    from rootspan.training import termination
    from rootspan.training.watch import _deliver_at_termination

    rootspan.init("trainer", sys.argv[1])
    assert termination.install(_deliver_at_termination)
    with rootspan.train_step(7), rootspan.phase("backward"), rootspan.collective("all_reduce", group="dp"):
        if sys.argv[2] == "blocked":
            # The main thread neither takes the signal nor comes back to Python: as within a collective.
            signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
        print("in it", flush=True)
        ctypes.CDLL(None).sleep(60)
        print("after it", flush=True)
"""


@pytest.mark.parametrize("main_thread", ["blocked", "free"])
def test_sigterm_delivers_the_step_as_it_stands_and_then_ends_the_process(
    tmp_path: Path, main_thread: str
) -> None:
    program = tmp_path / "rank.py"
    program.write_text(textwrap.dedent(BLOCKED))
    with Receiver() as receiver:
        rank = subprocess.Popen(
            [sys.executable, str(program), receiver.endpoint, main_thread],
            env={**os.environ, "RANK": "0", "WORLD_SIZE": "2"},
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            assert rank.stdout is not None
            assert rank.stdout.readline() == "in it\n"
            rank.send_signal(signal.SIGTERM)
            assert rank.wait(20) == -signal.SIGTERM
        finally:
            rank.kill()
            rank.communicate()
        spans = {span.name: attributes_of(span) for _, span in receiver.spans()}
    assert set(spans) == {"train.step", "train.backward", "train.collective"}
    if main_thread == "blocked":  # a free one may leave the step by itself meanwhile
        assert spans["train.step"]["training.suspect"] == "error"
        assert spans["train.step"]["error.type"] == "InterruptedError"
        assert spans["train.collective"]["training.collective.state"] == "failed"


def test_a_forked_child_dies_of_its_own_signals_alone(run_program: RunProgram) -> None:
    done = run_program(
        """
        import os, signal, time
        from rootspan.training import termination
        delivered = []
        assert termination.install(lambda: delivered.append(os.getpid()))
        child = os.fork()
        if child == 0:
            time.sleep(30)
            os._exit(1)
        os.kill(child, signal.SIGTERM)
        _, status = os.waitpid(child, 0)
        assert os.WTERMSIG(status) == signal.SIGTERM, status
        assert delivered == []
        print("the parent goes on")
        """
    )
    assert done.out.strip() == "the parent goes on", done.err


def test_a_program_that_handles_sigterm_keeps_its_handler(run_program: RunProgram) -> None:
    done = run_program(
        """
        import signal
        from rootspan.training import termination
        mine = lambda number, frame: None
        signal.signal(signal.SIGTERM, mine)
        print(termination.install(lambda: None), signal.getsignal(signal.SIGTERM) is mine)
        """
    )
    assert done.out.strip() == "False True", done.err
