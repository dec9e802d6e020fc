"""May a candidate take a baseline's place? Rules, verdicts, baselines, early stopping."""
