"""What GPU time costs and what it serves for that: rows and tiles from the read models. Pure; draws nothing.

A service's GPU time is shared among its models by the time that their requests took there.
"""

from collections import defaultdict
from collections.abc import Sequence

import pandas as pd
import pyarrow as pa

from rootspan_dashboard.components.tiles import Tile
from rootspan_dashboard.words.formats import format_number, format_ratio

__all__ = ["cost_tiles", "models_frame", "services_cost_frame"]


def services_cost_frame(gpu_time: pa.Table, served: pa.Table, price: float) -> pd.DataFrame:
    """`service, region, gpus, hours, idle, used, cost, requests, per_thousand`, dearest first."""
    requests = {(row["service"], row["region"]): row["requests"] for row in served.to_pylist()}
    rows = []
    for row in gpu_time.to_pylist():
        count = requests.get((row["service"], row["region"]), 0.0)
        cost = row["gpu_hours"] * price
        rows.append(
            {
                "service": row["service"],
                "region": row["region"],
                "gpus": row["gpus"],
                "hours": row["gpu_hours"],
                "idle": 100 * row["idle_hours"] / row["gpu_hours"],
                "used": 100 * row["busy_hours"] / row["gpu_hours"],
                "cost": cost,
                "requests": round(count),
                "per_thousand": 1000 * cost / count if count else None,
            }
        )
    return pd.DataFrame(rows)


def models_frame(gpu_time: pa.Table, usage: pa.Table, price: float) -> pd.DataFrame:
    """`model, service, hours, cost, requests, per_thousand, tokens, per_million`, dearest first."""
    hours: dict[str, float] = defaultdict(float)
    for row in gpu_time.to_pylist():
        hours[row["service"]] += row["gpu_hours"]
    found = [row for row in usage.to_pylist() if row["service"] in hours]
    seconds: dict[str, float] = defaultdict(float)
    for row in found:
        seconds[row["service"]] += row["seconds"]
    rows = []
    for row in found:
        share = row["seconds"] / seconds[row["service"]] if seconds[row["service"]] else 0.0
        spent = hours[row["service"]] * share
        cost, tokens = spent * price, row["input_tokens"] + row["output_tokens"]
        rows.append(
            {
                "model": row["model"],
                "service": row["service"],
                "hours": spent,
                "cost": cost,
                "requests": round(row["requests"]),
                "per_thousand": 1000 * cost / row["requests"] if row["requests"] else None,
                "tokens": round(tokens),
                "per_million": 1e6 * cost / tokens if tokens else None,
            }
        )
    frame = pd.DataFrame(rows)
    return frame.sort_values("cost", ascending=False, ignore_index=True) if rows else frame


def cost_tiles(gpu_time: pa.Table, price: float, currency: str, seconds: float) -> Sequence[Tile]:
    """The row of figures."""
    rows = gpu_time.to_pylist()
    hours = sum(row["gpu_hours"] for row in rows)
    idle = sum(row["idle_hours"] for row in rows)
    busy = sum(row["busy_hours"] for row in rows)
    a_day = hours * price / seconds * 86_400

    def money(value: float) -> str:
        return f"{currency}{value:,.2f}" if value < 10_000 else f"{currency}{format_number(value)}"

    return [
        Tile("GPUs", f"{sum(row['gpus'] for row in rows):,}", "that told their utilisation", "", []),
        Tile("GPU time", format_number(hours, "h"), "of this range", "", []),
        Tile("Cost", money(hours * price), f"{money(a_day)} a day at this rate", "", []),
        Tile("Idle", format_ratio(idle / hours), f"{money(idle * price)} of it, used below 5 %", "", []),
        Tile("Utilisation", format_ratio(busy / hours), "mean over all GPU minutes", "", []),
    ]
