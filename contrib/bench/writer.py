"""Print numbered lines of 89 bytes at a steady rate: RATE (a second) and SECONDS; then wait."""

import os
import signal
import sys
import time

RATE, SECONDS = int(sys.argv[1]), int(sys.argv[2])
BATCH = 20

start = time.monotonic()
for first in range(0, RATE * SECONDS, BATCH):
    lines = [b"%08d %s\n" % (number, b"x" * 80) for number in range(first, first + BATCH)]
    data = b"".join(lines)
    while data:
        data = data[os.write(1, data) :]
    time.sleep(max(0.0, start + (first + BATCH) / RATE - time.monotonic()))
os.write(1, b"done\n")
signal.pause()
