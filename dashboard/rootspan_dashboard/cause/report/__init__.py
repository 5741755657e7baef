"""The answer as a file to send: one HTML page, Markdown, or both words and pictures in a ZIP."""

from rootspan_dashboard.cause.report.bundle import markdown_bundle
from rootspan_dashboard.cause.report.html import html_report
from rootspan_dashboard.cause.report.markdown import markdown_report

__all__ = ["html_report", "markdown_bundle", "markdown_report"]
