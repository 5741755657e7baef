"""`rootspan why`: asks the engine, shows its answer."""

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from rootspan_cli.extras import needing
from rootspan_cli.help import DEFAULT_STORE, JsonOption, StoresOption, examples
from rootspan_cli.output import print_json, terminal, working
from rootspan_cli.window import FromOption, LastOption, ToOption, asked_window

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

__all__ = ["EPILOG", "why"]

EPILOG = examples(
    ("rootspan why --last 15m", "what is wrong right now"),
    ("rootspan why --from 2h --to 90m --service checkout", "an hour and a half ago, one service"),
    ("rootspan why --from 2026-05-04T10:00:00Z --to 2026-05-04T10:20:00Z", "an incident"),
    ("rootspan why --last 15m --json | jq '.causes[0].entity'", "for a script"),
)
_DEFAULT_LAST = "15m"


def why(
    context: typer.Context,
    *,
    store: StoresOption = DEFAULT_STORE,
    last: LastOption = None,
    begin: FromOption = None,
    end: ToOption = None,
    service: Annotated[
        str | None,
        typer.Option("--service", envvar="ROOTSPAN_SERVICE", help="Only requests that touch this service."),
    ] = None,
    job: Annotated[
        str | None, typer.Option("--job", envvar="ROOTSPAN_JOB", help="Only this training job.")
    ] = None,
    top: Annotated[int, typer.Option("--top", envvar="ROOTSPAN_TOP", help="Most causes to name, 1-20.")] = 3,
    show_sql: Annotated[
        bool,
        typer.Option("--sql", envvar="ROOTSPAN_SHOW_SQL", help="Show the SQL behind each piece of evidence."),
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Say why it was slow or broken in a window of time: ranked causes, each with evidence.

    The window is the last 15 minutes where none is named; the fault may have begun anywhere within it.
    "Nothing is wrong" is an answer too. The exit status is 0 whenever there is an answer, whatever it says.
    Several stores (regions that keep their data) answer each for itself, and a last line says which of them
    alone is ill; as JSON by name under `stores`, and under `regional`. The status is 1 if one did not answer.
    """
    from_ns, to_ns = asked_window(context, last, begin, end, default_last=_DEFAULT_LAST)
    with needing("analysis", "clickhouse_connect", "pyarrow"):
        from rootspan_analysis import Explanation, Question, explain
        from rootspan_analysis.regional import tell_regional
        from rootspan_analysis.telemetry import balance
        from rootspan_cli.stores import ALONE, ask_each, named_stores
    question = Question(from_ns, to_ns, service=service, job=job, top=top)
    with working("asking the store") as tell:

        def ask(client: "Client") -> Explanation:
            found = explain(client, question, on_progress=lambda text, _share: tell(text))
            return replace(found, telemetry=balance(client).to_json())

        answers, failure = ask_each(named_stores(store), ask)
    regional = tell_regional(answers)
    if as_json:
        by_store = {name: answer.to_json() for name, answer in answers.items()}
        together = {"stores": by_store, "regional": [one.to_json() for one in regional]}
        print_json(by_store.get(ALONE, together))
    else:
        from rootspan_cli.rendering.why import render_explanation

        for name, answer in answers.items():
            if name != ALONE:
                terminal().rule(name, align="left")
            terminal().print(render_explanation(answer, show_sql=show_sql))
        for one in regional:
            terminal().print(one.text, style="bold", markup=False)
    if failure is not None:
        raise failure
