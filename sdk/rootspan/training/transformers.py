"""Hugging Face's Trainer: `Trainer(callbacks=[RootspanCallback()])`. Needs `rootspan[transformers]`.

Owns which of Trainer's callbacks is which part of a step. Trainer calls back when something is done, not when
it begins: between two steps, the time up to a callback belongs to what that callback says was done.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rootspan.errors import MissingExtraError
from rootspan.guard import harmless
from rootspan.instrument import is_installed
from rootspan.training.driven import DrivenSteps

if TYPE_CHECKING:
    from transformers import TrainerCallback
else:
    for name in ("transformers", "accelerate"):
        if not is_installed(name):
            raise MissingExtraError(
                f"rootspan.training.transformers needs {name}: pip install 'rootspan[transformers]'",
                extra="transformers",
            )
    from transformers import TrainerCallback


class RootspanCallback(TrainerCallback):
    """Tells every step of `Trainer.train()` as a training step, on all ranks.

    Steps are numbered by `global_step`: one for each update of the weights, with all the batches that it
    accumulates. Does what `rootspan.training.watch()` and `watch_model()` do, unless it was done already; but
    Trainer shows its callbacks the model inside of DDP, so gradient buckets stay unseen unless
    `watch_model(trainer.model_wrapped)` is called.
    """

    def __init__(self) -> None:
        self._steps = DrivenSteps()
        self._model: object = None
        self._since_ns = 0

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Begin to watch."""
        self._steps.start()
        self._watch_model(kwargs.get("model"))

    def on_epoch_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """What follows is the wait for the first batch."""
        self._since_ns = time.time_ns()

    def on_step_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """The batches are there: begin a step."""
        self._steps.waited(self._since_ns)
        self._steps.begin(int(state.global_step))

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """End it."""
        self._steps.end()
        self._since_ns = time.time_ns()

    def on_log(
        self, args: Any, state: Any, control: Any, logs: Mapping[str, Any] | None = None, **kwargs: Any
    ) -> None:
        """Take the time of logging for nobody's, unless it is that of evaluation's result."""
        if logs is not None and "loss" in logs:
            self._since_ns = time.time_ns()

    def on_evaluate(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """What passed was the phase "eval"."""
        self._spent("eval")

    def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """What passed was the phase "checkpoint"."""
        self._spent("checkpoint")

    def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Training is over; an evaluation that the program asks for later is not timed."""
        self._since_ns = 0

    def _spent(self, name: str) -> None:
        if self._since_ns:
            self._steps.spent(name, self._since_ns)
            self._since_ns = time.time_ns()

    @harmless
    def _watch_model(self, model: Any) -> None:
        from rootspan.training import hooks

        if model is not None and model is not self._model:
            self._model = model
            hooks.watch_model(model)
