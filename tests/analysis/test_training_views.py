"""Read models of the training page, on a simulated job with a straggler and on one that hangs."""

import math

import numpy as np
import pytest
from training_jobs import PlayJob

from rootspan_analysis import Window
from rootspan_analysis.training import views


def test_overview_tells_the_job_s_shape_and_where_its_time_goes(play_job: PlayJob) -> None:
    played = play_job("straggler-rank")
    (job,) = views.fetch_jobs(played.store, played.window)
    config = played.recording.config
    assert (job.ranks, job.world_size, job.steps) == (config.ranks, config.ranks, config.steps)
    assert (job.dp_size, job.pp_size, job.tp_size) == (config.data, config.pipeline, config.tensor)
    overview = views.fetch_overview(played.store, job)
    assert overview.last_step - overview.first_step == config.steps - 1
    assert {"data", "forward", "backward", "optimizer", "collective"} <= {
        one.phase for one in overview.phases
    }
    assert sum(one.share for one in overview.phases) == pytest.approx(1, abs=0.1)
    assert overview.worst_step_s > overview.median_step_s > 0


def test_heat_shows_the_straggler_s_row_and_only_after_its_onset(play_job: PlayJob) -> None:
    played = play_job("straggler-rank")
    rank = int(played.recording.truth.entity["training.rank"])
    heat = views.fetch_heat(played.store, played.job(), "forward")
    assert heat.ratio.shape == (16, 50)
    assert heat.ranks.tolist() == list(range(16))
    row = heat.ratio[rank]
    assert np.nanmedian(row[-15:]) > 1.2
    assert np.nanmedian(row[:15]) < 1.1
    assert np.nanmedian(np.delete(heat.ratio, rank, axis=0)) == pytest.approx(1, abs=0.05)


def test_heat_of_many_steps_and_ranks_keeps_the_worst_and_puts_steps_together(play_job: PlayJob) -> None:
    played = play_job("straggler-rank")
    heat = views.fetch_heat(played.store, played.job(), "forward", columns=12, rows=3)
    assert heat.ratio.shape == (3, 10)
    assert heat.width == 5
    assert int(played.recording.truth.entity["training.rank"]) in heat.ranks.tolist()
    assert views.fetch_heat(played.store, played.job()).seconds.shape == (16, 50)


def test_straggler_ranking_begins_with_the_straggler(play_job: PlayJob) -> None:
    played = play_job("straggler-rank")
    lags = views.fetch_stragglers(played.store, played.job(), limit=5)
    assert lags[0].rank == int(played.recording.truth.entity["training.rank"])
    assert lags[0].host == played.recording.truth.entity["host.name"]
    assert lags[0].excess_s > 3 * lags[-1].excess_s
    assert len(lags) == 5


def test_hang_tells_who_is_waited_for_and_a_job_that_goes_on_has_none(play_job: PlayJob) -> None:
    hung = play_job("hung-rank")
    hang = views.fetch_hang(hung.store, hung.job())
    assert hang is not None
    assert hang.ranks == (int(hung.recording.truth.entity["training.rank"]),)
    assert len({one.rank for one in hang.pending}) == 15
    straggling = play_job("straggler-rank")
    assert views.fetch_hang(straggling.store, straggling.job()) is None


def test_window_without_jobs_is_empty(play_job: PlayJob) -> None:
    played = play_job("straggler-rank")
    assert views.fetch_jobs(played.store, Window(1_000_000_000, 2_000_000_000)) == []


def test_job_without_steps_has_an_overview_without_numbers(play_job: PlayJob) -> None:
    hung = play_job("hung-rank")
    end = hung.window.to_ns
    onset = hung.recording.truth.onset_unix_ns
    assert onset is not None
    (job,) = views.fetch_jobs(hung.store, Window(onset - 1_000_000_000, end))
    overview = views.fetch_overview(hung.store, job)
    assert math.isnan(overview.median_step_s) or overview.last_step >= 0
