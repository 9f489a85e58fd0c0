"""The commands: parse, one call, exit code. Only here are errors mapped to exit codes."""
