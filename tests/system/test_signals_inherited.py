"""What the supervisor's parent ignored or blocked is no affair of the services."""

import sys

from tests.supervisor import Supervisor

_DEAF = """
import os, signal, sys
for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGUSR1):
    signal.signal(number, signal.SIG_IGN)
signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGTERM, signal.SIGALRM))
os.execv(sys.argv[1], sys.argv[1:])
"""


def test_a_service_starts_with_no_signal_ignored_or_blocked(supervisor: Supervisor) -> None:
    supervisor.stop()
    supervisor.start(before=(sys.executable, "-c", _DEAF))
    supervisor.add("probe", "#!/bin/sh\ngrep -E '^Sig(Blk|Ign)' /proc/self/status\nexec sleep 1000")
    supervisor.wait_for_line("probe", "SigIgn:\t0000000000000000")
    supervisor.wait_for_line("probe", "SigBlk:\t0000000000000000")
