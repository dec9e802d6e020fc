"""evalkit: can an open-weight model replace or join a commercial API, on your own tasks?"""

__version__ = "0.1.0"
