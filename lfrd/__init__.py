"""lfrd: a live facial recognition daemon for one site, with the safeguards in the machine."""

__version__ = "0.1.0"
