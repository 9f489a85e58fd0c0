"""The syslog shim: takes every line of every service in, and writes it to disk.

``shim``         the process: one epoll loop over all FIFOs, the control FIFO, timers, signals
``intake``       one service: FIFO → spool → ``current``, exactly once; the protocol is told there
``logfile``      ``current``, its rotation and what is kept
``progress``     the mapped record of how far each log has come
``policy``, ``control``   ``log.json`` and the control lines, as values
``descriptors``  which files are open
``reader``, ``follow``    the way back: a log directory as records (used by ``csv logs``)

``forward``      another process, the forwarder, which sends logs on; its parts are
``forward_target``    one target: what is sent, what counts as delivered, what is sent again
``forward_cursor``, ``forward_position``    reading a log on from a saved position
``forward_message``, ``forward_link``       what is sent, and the connections
``removed``      how many lines retention has removed, for those who read later

No trio and no attrs in the shim: it has no concurrency but readiness, and one process of 12 MB that
starts in 40 ms is all that a box of containers should pay for its logs.
"""
