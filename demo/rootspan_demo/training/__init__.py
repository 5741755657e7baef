"""A training job, simulated step by step and told as OTLP, with faults planted in it."""

from rootspan_demo.training.config import TRAINING_FAULT_NAMES, TrainingConfig, TrainingFault
from rootspan_demo.training.recording import TrainingRecording, simulate_training
from rootspan_demo.training.truth import TrainingTruth

__all__ = [
    "TRAINING_FAULT_NAMES",
    "TrainingConfig",
    "TrainingFault",
    "TrainingRecording",
    "TrainingTruth",
    "simulate_training",
]
