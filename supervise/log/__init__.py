"""The syslog shim: a program of its own which takes every log line in and puts it on disk."""
