"""csv: a daemontools-style supervisor for containers.

This package imports nothing by itself: the small commands (``svc``, ``svstat``,
``svok``) must feel instant, and what a package imports, all of its modules pay.
"""

__version__ = "0.1.0"
