"""Simulated training jobs in one in-process database, an hour apart: how they are stored and asked about."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache

from bench.embedded import EmbeddedStore
from bench.rca_training import END_NS, HOUR_NS, fill_job

from rootspan_analysis import Explanation, Question, Window, explain
from rootspan_analysis.training.jobs import Job, find_jobs
from rootspan_demo.training import TrainingConfig, TrainingFault, TrainingRecording, simulate_training


@dataclass(frozen=True, slots=True)
class Played:
    """A stored job."""

    store: EmbeddedStore
    recording: TrainingRecording
    answers: dict[int, Explanation] = field(default_factory=dict)

    @property
    def window(self) -> Window:
        """The whole recording."""
        return Window(self.recording.begin_unix_ns, self.recording.config.end_unix_ns)

    def ask(self, *, top: int = 3) -> Explanation:
        """Ask about the whole recording, once."""
        if top not in self.answers:
            window = self.window
            self.answers[top] = explain(self.store, Question(window.from_ns, window.to_ns, top=top))
        return self.answers[top]

    def job(self) -> Job:
        """The job as the read models see it."""
        return find_jobs(self.store, self.window)[0]


PlayJob = Callable[[TrainingFault], Played]


def player(store: EmbeddedStore) -> PlayJob:
    """Plays a fault when it is first asked for, each in an hour of its own."""
    hours = iter(range(1, 1000))

    @cache
    def play(fault: TrainingFault) -> Played:
        config = TrainingConfig(
            end_unix_ns=END_NS + next(hours) * HOUR_NS,
            fault=fault,
            steps=50,
            microbatches=3,
            gpus_per_host=2,
            seed=11,
        )
        recording = simulate_training(config)
        fill_job(store, recording)
        return Played(store, recording)

    return play
