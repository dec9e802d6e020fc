"""Which model for which request: portfolios worked out from a run, without a call."""
