"""Two ranks of a Lightning job, and in the first of them a second job that fails."""

from __future__ import annotations

import logging
import os
import sys
import tempfile
import warnings

import lightning.pytorch as pl
import torch
from lightning.pytorch.callbacks import ModelCheckpoint
from torch import nn
from torch.utils.data import DataLoader

import rootspan
from rootspan.training.lightning import RootspanCallback


class Regression(pl.LightningModule):
    """One layer; fails at a batch if told to."""

    def __init__(self, fails_at: int = -1) -> None:
        super().__init__()
        self.layer, self.fails_at = nn.Linear(16, 1), fails_at

    def training_step(self, batch: torch.Tensor, batch_idx: int) -> torch.Tensor:
        """The loss of a batch."""
        if batch_idx == self.fails_at:
            raise ArithmeticError("the loss is no number")
        return self.layer(batch).square().mean()

    def validation_step(self, batch: torch.Tensor, batch_idx: int) -> torch.Tensor:
        """The same."""
        return self.layer(batch).square().mean()

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Plain descent."""
        return torch.optim.SGD(self.parameters(), lr=0.01)


def main() -> None:
    """Fit twice."""
    rootspan.init("lightning", sys.argv[1], logs=False, metrics=False)
    rootspan.training.watch(detail="all")
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    warnings.simplefilter("ignore")
    loader = DataLoader(torch.randn(48, 16), batch_size=8)
    folder = tempfile.mkdtemp()
    quiet = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False}
    saver = ModelCheckpoint(dirpath=folder, every_n_train_steps=2)
    trainer = pl.Trainer(
        accelerator="cpu",
        devices=2,
        strategy="ddp",
        max_epochs=2,
        num_sanity_val_steps=0,
        callbacks=[RootspanCallback(tokens=len), saver],
        **quiet,
    )
    model = Regression()
    trainer.fit(model, loader, loader)
    assert "training_step" not in vars(model)
    assert not {"start", "stop"} & vars(trainer.profiler).keys()
    torch.distributed.destroy_process_group()
    if os.environ["RANK"] != "0":
        return
    for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "TORCHELASTIC_RUN_ID"):
        os.environ.pop(name, None)
    alone = pl.Trainer(
        accelerator="cpu", devices=1, max_epochs=1, callbacks=[RootspanCallback()], default_root_dir=folder,
        enable_checkpointing=False, **quiet,
    )  # fmt: skip
    try:
        alone.fit(Regression(fails_at=1), loader)
    except ArithmeticError:
        print("failed as asked")


if __name__ == "__main__":
    main()
