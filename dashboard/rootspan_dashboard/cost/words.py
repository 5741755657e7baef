"""What GPU time costs and what it serves for that, as rows and tiles. Pure; draws nothing."""

from collections.abc import Sequence

import pandas as pd
import pyarrow as pa

from rootspan_analysis.cost.serving import price_models, price_services
from rootspan_dashboard.components.tiles import Tile
from rootspan_dashboard.words.formats import format_number, format_ratio

__all__ = ["cost_tiles", "models_frame", "services_cost_frame"]


def services_cost_frame(gpu_time: pa.Table, served: pa.Table, price: float) -> pd.DataFrame:
    """`service, region, gpus, hours, idle, used, cost, requests, per_thousand`, dearest first; percent."""
    return pd.DataFrame(
        {
            "service": one.service,
            "region": one.region,
            "gpus": one.gpus,
            "hours": one.gpu_hours,
            "idle": 100 * one.idle_ratio,
            "used": 100 * one.busy_ratio,
            "cost": one.cost,
            "requests": round(one.requests),
            "per_thousand": one.per_thousand,
        }
        for one in price_services(gpu_time, served, price)
    )


def models_frame(gpu_time: pa.Table, usage: pa.Table, price: float) -> pd.DataFrame:
    """`model, service, region, hours, cost, requests, per_thousand, tokens, per_million`, dearest first."""
    return pd.DataFrame(
        {
            "model": one.model,
            "service": one.service,
            "region": one.region,
            "hours": one.gpu_hours,
            "cost": one.cost,
            "requests": round(one.requests),
            "per_thousand": one.per_thousand,
            "tokens": round(one.tokens),
            "per_million": one.per_million,
        }
        for one in price_models(gpu_time, usage, price)
    )


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
        Tile("GPUs", f"{sum(row['gpus'] for row in rows):,}", "that report utilisation", "", []),
        Tile("GPU time", format_number(hours, "h"), "of this range", "", []),
        Tile("Cost", money(hours * price), f"{money(a_day)} a day", "", []),
        Tile("Idle", format_ratio(idle / hours), f"used below 5 %: {money(idle * price)}", "", []),
        Tile("Utilisation", format_ratio(busy / hours), "mean of all GPU minutes", "", []),
    ]
