"""PyTorch Lightning: `Trainer(callbacks=[RootspanCallback()])`. Needs `rootspan[lightning]`.

Owns which of Lightning's callbacks is which part of a step. What Lightning has no callback for, the forward
pass, the wait for a batch and the saving of a checkpoint, is wrapped on the objects of the one `fit()` and
unwrapped when it ends.
"""

from __future__ import annotations

import functools
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from rootspan.errors import MissingExtraError
from rootspan.guard import harmless
from rootspan.instrument import is_installed
from rootspan.training.driven import DrivenSteps
from rootspan.training.phases import Phase, checkpoint

_PACKAGES = ("lightning", "pytorch_lightning")
_FETCH = ".train_dataloader_next"
"""How the profiler's action around the fetch of a batch ends."""

if TYPE_CHECKING:
    from lightning.pytorch import Callback
else:
    # Both packages are Lightning; a program uses one of them, and their classes are not the same.
    installed = sorted(
        (name for name in _PACKAGES if is_installed(name)),
        key=lambda name: name not in sys.modules,
    )
    if not installed:
        raise MissingExtraError(
            "rootspan.training.lightning needs PyTorch Lightning: pip install 'rootspan[lightning]'",
            extra="lightning",
        )
    if installed[0] == "lightning":
        from lightning.pytorch import Callback
    else:
        from pytorch_lightning import Callback


class RootspanCallback(Callback):
    """Tells every batch of `Trainer.fit()` as a training step, on all ranks.

    Steps are numbered by `total_batch_idx`, which goes on after a checkpoint. With gradient accumulation each
    batch is a step. Does what `rootspan.training.watch()` and `watch_model()` do, unless it was done already.

    Args:
        tokens: Counts what this rank trains on in a batch; tokens per second follow from it.
    """

    def __init__(self, *, tokens: Callable[[Any], int] | None = None) -> None:
        super().__init__()
        self._tokens = tokens
        self._steps = DrivenSteps()
        self._evaluating: Phase | None = None
        self._unwrap: list[Callable[[], None]] = []
        self._model: object = None

    def on_fit_start(self, trainer: Any, pl_module: Any) -> None:
        """Begin to watch."""
        self._steps.start()
        self._wrap(trainer, pl_module)

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        """The strategy has its model by now."""
        self._watch_buckets(trainer)

    def on_train_batch_start(self, trainer: Any, pl_module: Any, batch: Any, batch_idx: int) -> None:
        """Begin a step."""
        self._steps.begin(int(trainer.fit_loop.epoch_loop.total_batch_idx))

    def on_train_batch_end(
        self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """End it."""
        self._steps.end(tokens=None if self._tokens is None else self._tokens(batch))

    def on_validation_start(self, trainer: Any, pl_module: Any) -> None:
        """Begin the phase "eval"."""
        self._evaluating = Phase("eval", None, {}).__enter__()

    def on_validation_end(self, trainer: Any, pl_module: Any) -> None:
        """End it."""
        self._end_evaluation(None)

    def on_exception(self, trainer: Any, pl_module: Any, exception: BaseException) -> None:
        """End what was running, with what ended it."""
        self._end_evaluation(exception)
        self._steps.end(exception)

    def teardown(self, trainer: Any, pl_module: Any, stage: str) -> None:
        """Leave the trainer as it was."""
        while self._unwrap:
            self._unwrap.pop()()

    def _end_evaluation(self, error: BaseException | None) -> None:
        phase, self._evaluating = self._evaluating, None
        if phase is not None:
            phase.__exit__(None if error is None else type(error), error, None)

    @harmless
    def _watch_buckets(self, trainer: Any) -> None:
        from rootspan.training import hooks

        model = trainer.strategy.model
        if model is not self._model:
            self._model = model
            hooks.watch_buckets(model)

    @harmless
    def _wrap(self, trainer: Any, pl_module: Any) -> None:
        self._put(pl_module, "training_step", Phase("forward", None, {})(pl_module.training_step))
        self._put(trainer, "save_checkpoint", _saving(trainer.save_checkpoint))
        profiler, since_ns = trainer.profiler, 0
        begin, end = profiler.start, profiler.stop

        def start(action_name: str) -> None:
            nonlocal since_ns
            begin(action_name)
            if action_name.endswith(_FETCH):
                since_ns = time.time_ns()

        def stop(action_name: str) -> None:
            end(action_name)
            if action_name.endswith(_FETCH) and since_ns:
                self._steps.waited(since_ns)

        self._put(profiler, "start", start)
        self._put(profiler, "stop", stop)

    def _put(self, owner: Any, name: str, value: Any) -> None:
        # On the object alone; deleting it there uncovers the method of its class.
        had, before = name in vars(owner), getattr(owner, name)
        setattr(owner, name, value)
        self._unwrap.append(lambda: setattr(owner, name, before) if had else delattr(owner, name))


def _saving(save: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(save)
    def saved(filepath: Any, *args: Any, **kwargs: Any) -> Any:
        with checkpoint("save", path=str(filepath)):
            return save(filepath, *args, **kwargs)

    return saved
