"""The answer as a ZIP of Markdown and its pictures, for a post-mortem in a repository or a wiki. Pure."""

import io
import zipfile
from collections.abc import Sequence

from rootspan_analysis.explanation import Explanation
from rootspan_dashboard.cause.report.markdown import markdown_report
from rootspan_dashboard.cause.report.pictures import picture_files
from rootspan_dashboard.cause.view import CauseView

__all__ = ["markdown_bundle"]


def markdown_bundle(
    answer: Explanation, causes: Sequence[CauseView], *, link: str, telemetry: str, written_ns: int
) -> bytes:
    """`report.md` and an SVG for each chart; arguments as for `html_report`."""
    text = markdown_report(
        answer, causes, link=link, telemetry=telemetry, written_ns=written_ns, pictures=True
    )
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as bundle:
        bundle.writestr("report.md", text)
        for name, picture in picture_files(causes):
            bundle.writestr(name, picture)
    return file.getvalue()
