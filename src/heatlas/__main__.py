"""Run the command line with ``python -m heatlas``."""

from heatlas.cli import main

raise SystemExit(main())
