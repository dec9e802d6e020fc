"""What a report is made of: the figures of one run or several, and the samples to look at."""
