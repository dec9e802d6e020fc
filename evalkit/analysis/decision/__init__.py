"""Buy, host, run oneself, or no model at all: five questions answered, and what follows."""
