"""What all parts of vitalwire share: contracts, topics, wire format, filters, recordings."""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("vitalwire")
except PackageNotFoundError:  # run from a source tree that was never installed
    __version__ = "0+unknown"
