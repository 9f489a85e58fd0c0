"""The supervisor: trio tasks that feed core with events and carry out its effects."""
