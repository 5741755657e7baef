"""What GPU time costs, what it served for that, and whether a job's distribution is worth it."""

from rootspan_analysis.cost.jobs import JobCost
from rootspan_analysis.cost.report import CostQuestion, CostReport, price_jobs, tell_cost
from rootspan_analysis.cost.serving import ModelCost, ServiceCost

__all__ = ["CostQuestion", "CostReport", "JobCost", "ModelCost", "ServiceCost", "price_jobs", "tell_cost"]
