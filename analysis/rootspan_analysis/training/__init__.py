"""Training jobs: what their spans tell, who slows or stops them, and read models of both."""

from rootspan_analysis.training.answer import TrainingAnswer, explain_training, holds_requests

__all__ = ["TrainingAnswer", "explain_training", "holds_requests"]
