"""`python -m vitalwire`."""

from vitalwire.cli import main

main()
