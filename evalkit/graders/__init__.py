"""From an answer to its rung and its scores: parsing, and one module for each grader.

Graders are found by name through `evalkit.core.ports.grader_factory` and imported on first use.
Nothing here knows providers, runs or tables.
"""
