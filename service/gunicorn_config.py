"""How gunicorn runs the service: ``gunicorn -c python:service.gunicorn_config 'service.app:create_app()'``.

Where to listen is said on gunicorn's command line; what was measured stands in
decisions/0003-gunicorn-defaults.md.
"""

import ctypes
import os
from pathlib import Path
from typing import Any

# One process a core, for a completion is arithmetic on one thread from end to end.
workers = len(os.sched_getaffinity(0))

# The second thread answers while the first writes a long text. More add no speed, and make the slowest slower.
worker_class = "gthread"
threads = 2

# Every inference is one thread, and so must be whatever numpy does around it.
raw_env = ["OMP_NUM_THREADS=1", "OPENBLAS_NUM_THREADS=1"]

# Seconds without a heartbeat until a worker is replaced, idle until a kept connection is closed, and left to
# requests under way when told to stop. Somebody who types pauses for longer than gunicorn's own two seconds.
timeout = 30
keepalive = 15
graceful_timeout = 10

# The most gunicorn allows: 256 Hangul syllables typed as single letters are 768 characters, percent-encoded
# 6,912 bytes.
limit_request_line = 8190

# The heartbeat is a file that is touched: in memory, so that a slow disk stops no worker.
worker_tmp_dir = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108

# No control socket: nothing here uses it, and it would write into the home folder. gunicorn before 25.1 has
# none and passes over this name.
control_socket_disable = True

# What people type is nobody's log line; what goes wrong is.
accesslog = None
errorlog = "-"
loglevel = "error"  # a warning of gunicorn's quotes the address that it refuses, and what was typed with it

# Of mallopt in the C library of most Linux systems: bytes, bytes, and one heap for both threads.
TRIM_THRESHOLD, MMAP_THRESHOLD, ARENA_MAX = (-1, 512 * 1024), (-3, 256 * 1024), (-8, 1)


def post_fork(_server: Any, _worker: Any) -> None:
    """Give memory that a long search took back to the system when it is over, which malloc by itself keeps."""
    set_option: Any = getattr(ctypes.CDLL(None), "mallopt", None)
    if set_option is not None:
        for option in (TRIM_THRESHOLD, MMAP_THRESHOLD, ARENA_MAX):
            set_option(*option)
