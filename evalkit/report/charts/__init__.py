"""Charts of a report, each drawn once: for the page in its colours, and as SVG and PNG files."""
