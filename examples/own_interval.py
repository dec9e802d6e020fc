"""`evalkit.stats` alone: numbers in, numbers out.

18 of 20 answers were right. Is the model right in at least 80 of 100 cases?
"""

from __future__ import annotations

from evalkit.stats import mean_interval, wilson


def main() -> None:
    """Compare a rate's interval with a limit, and see what clusters do to it."""
    rate = wilson(18, 20)
    print(f"18 of 20: {rate.estimate:.2f} [{rate.low:.2f}, {rate.high:.2f}] ({rate.method})")
    print("at least 0.80?", "yes" if rate.low >= 0.8 else "not shown by 20 samples")

    right = [1.0] * 18 + [0.0] * 2
    documents = [number // 4 for number in range(20)]  # four questions on each of five documents
    clustered = mean_interval(right, clusters=documents)
    print(
        f"on five documents: {clustered.estimate:.2f} [{clustered.low:.2f}, {clustered.high:.2f}], "
        f"n = {clustered.n} ({clustered.method})"
    )


if __name__ == "__main__":
    main()
