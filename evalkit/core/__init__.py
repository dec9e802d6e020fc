"""Records, ports, errors and policy: what every floor above may use."""
