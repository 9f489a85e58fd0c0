"""The tests: they mirror the package, and ``system`` runs the real thing."""
