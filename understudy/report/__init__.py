"""Tables, figures and one self-contained HTML page out of what a run found. It measures nothing itself."""

from __future__ import annotations

from understudy.report.as_json import report_json, summary_json
from understudy.report.data import ReportData
from understudy.report.write import ReportFiles, write_report

__all__ = ["ReportData", "ReportFiles", "report_json", "summary_json", "write_report"]
