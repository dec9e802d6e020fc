"""The sections of a report: figures of `analysis.reporting` as tables, charts, cases and words."""
