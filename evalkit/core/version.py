"""The version of evalkit, where every floor can read it. It does not know how it is released."""

VERSION = "0.1.0"
