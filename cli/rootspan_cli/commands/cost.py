"""`rootspan cost`: what the GPUs cost, and which training jobs are not worth their distribution."""

from typing import Annotated

import typer

from rootspan_cli.errors import BadAnswer
from rootspan_cli.extras import needing
from rootspan_cli.help import DEFAULT_STORE, JsonOption, StoresOption, examples
from rootspan_cli.output import print_json, terminal, working
from rootspan_cli.window import FromOption, LastOption, ToOption, asked_window

__all__ = ["EPILOG", "cost"]

EPILOG = examples(
    ("rootspan cost --last 24h --price 2.5", "a day, at 2.5 a GPU-hour"),
    ("rootspan cost --last 7d --min-efficiency 0.8 --check", "fail when a job scales to less than 80 %"),
    ("rootspan cost --last 1h --json | jq '.jobs[] | select(.pays | not) | .text'", "for a script"),
)
_DEFAULT_LAST = "1h"


def cost(
    context: typer.Context,
    *,
    store: StoresOption = DEFAULT_STORE,
    last: LastOption = None,
    begin: FromOption = None,
    end: ToOption = None,
    price: Annotated[
        float,
        typer.Option("--price", envvar="ROOTSPAN_GPU_HOUR_PRICE", help="What a GPU costs an hour."),
    ] = 2.0,
    min_efficiency: Annotated[
        float,
        typer.Option(
            "--min-efficiency",
            envvar="ROOTSPAN_MIN_EFFICIENCY",
            metavar="SHARE",
            help="A job that scales to less is reported, 0-1.",
        ),
    ] = 0.7,
    region: Annotated[
        str, typer.Option("--region", envvar="ROOTSPAN_REGION", help="Only services of this region.")
    ] = "",
    check: Annotated[
        bool, typer.Option("--check", envvar="ROOTSPAN_CHECK", help="Exit 1 if a job does not pay.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Say what GPU time cost, what it served for that, and which jobs are not worth their distribution.

    The window is the last hour where none is named. A service's GPU-hours are the minutes in which its GPUs
    told their utilisation (`hw.gpu.utilization`); those below 5 % are idle. A training job's are its ranks,
    from its first span to its last.

    Scaling efficiency is T1 / (N * TN) for the same work: a job's tokens per GPU-second against those of the
    smallest job with the same resource attribute `training.workload`. Without such a job it is the share of
    its time that computes, and so an upper bound. Several stores answer each for itself.
    """
    from_ns, to_ns = asked_window(context, last, begin, end, default_last=_DEFAULT_LAST)
    with needing("analysis", "clickhouse_connect", "pyarrow"):
        from rootspan_analysis.cost import CostQuestion, tell_cost
        from rootspan_cli.stores import ALONE, ask_each, named_stores
    question = CostQuestion(from_ns, to_ns, price=price, min_efficiency=min_efficiency, region=region)
    with working("asking the store"):
        answers, failure = ask_each(named_stores(store), lambda client: tell_cost(client, question))
    if as_json:
        by_store = {name: answer.to_json() for name, answer in answers.items()}
        print_json(by_store.get(ALONE, {"stores": by_store}))
    else:
        from rootspan_cli.rendering.cost import render_cost

        for name, answer in answers.items():
            if name != ALONE:
                terminal().rule(name, align="left")
            terminal().print(render_cost(answer))
    if failure is not None:
        raise failure
    too_dear = [job.job for answer in answers.values() for job in answer.jobs if not job.pays]
    if check and too_dear:
        raise BadAnswer(f"below {min_efficiency:.0%} scaling efficiency: {', '.join(too_dear)}")
