"""A worker process's first lines; it imports nothing of ours, so that a worker whose parent is killed early ends early too."""

from __future__ import annotations

import os
import signal
import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from multiprocessing.queues import SimpleQueue


def start_worker(parent: int, niceness: int = 0, tickets: SimpleQueue[str] | None = None) -> None:
    """Readies a worker of the process ``parent``: deaf to Ctrl-C, gone within a second of its parent, one thread.

    tickets  the graphics cards; it takes the first, sees no other, and puts it back behind the others
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if os.getppid() != parent:
        os._exit(1)
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    if tickets is not None:
        card = tickets.get()
        tickets.put(card)
        os.environ["CUDA_VISIBLE_DEVICES"] = card
    import torch

    torch.set_num_threads(1)
    if niceness and hasattr(os, "nice"):  # from here on: who waits for the first run waits for the start
        os.nice(niceness)


def _end_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)
