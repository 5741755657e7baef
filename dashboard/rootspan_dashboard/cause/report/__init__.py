"""The answer as a file to send: a self-contained HTML page, or Markdown. View models in, text out."""

from rootspan_dashboard.cause.report.html import html_report
from rootspan_dashboard.cause.report.markdown import markdown_report

__all__ = ["html_report", "markdown_report"]
