"""What judges said: sums, figures against people's labels, cards, preferences."""
