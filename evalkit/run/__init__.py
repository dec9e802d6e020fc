"""Plan, ask, journal: a run from its samples to its stored trials."""
