"""Does. One small function per system call or kernel file; no policy."""
