"""The command line: parses, calls `evalkit.api`, prints; the only place with exit codes."""
