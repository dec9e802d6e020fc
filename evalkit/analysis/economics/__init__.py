"""What it costs to buy answers, to buy them from another host, or to make them oneself."""
