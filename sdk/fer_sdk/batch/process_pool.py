"""Batch processing in several processes.

It is a module of its own, imported on use: `multiprocessing` would make `import fer_sdk` slower.
"""

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Generator, Iterable
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import connection
from typing import Final

from fer_sdk._internal.native_log import own_descriptors
from fer_sdk.batch.processor import BatchSettings, PhotoProcessor, PhotoTask
from fer_sdk.results import PhotoResult

TASKS_PER_PROCESS: Final = 4
"""Photos submitted per process ahead of time."""


def process_in_pool(
    tasks: Iterable[PhotoTask], settings: BatchSettings, processes: int
) -> Generator[PhotoResult, None, None]:
    """Process photos in spawned processes; results are yielded in the order of the tasks.

    When a process dies, the photo that is due is processed again in a pool of its own; if that dies
    too, the photo fails. The photos after it are submitted again.
    """
    left = iter(tasks)
    pool = _open_pool(settings, processes)
    waiting: deque[tuple[PhotoTask, Future[PhotoResult] | None]] = deque()
    try:
        while True:
            while len(waiting) < TASKS_PER_PROCESS * processes:
                task = next(left, None)
                if task is None:
                    break
                waiting.append((task, _submit(pool, task)))
            if not waiting:
                return
            task, future = waiting.popleft()
            try:
                yield future.result() if future else _process_alone(task, settings)
            except BrokenProcessPool:
                pool.shutdown()
                yield _process_alone(task, settings)
                pool = _open_pool(settings, processes)
                waiting = deque((again, _submit(pool, again)) for again, _ in waiting)
    finally:
        pool.shutdown(cancel_futures=True)


def _submit(pool: ProcessPoolExecutor, task: PhotoTask) -> "Future[PhotoResult] | None":
    try:
        return pool.submit(_process_here, task)
    except BrokenProcessPool:
        return None


def _open_pool(settings: BatchSettings, processes: int) -> ProcessPoolExecutor:
    spawn = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(processes, spawn, _start_process, (settings,))


def _process_alone(task: PhotoTask, settings: BatchSettings) -> PhotoResult:
    """Process a photo in a pool of its own."""
    with _open_pool(settings, 1) as pool:
        try:
            return pool.submit(_process_here, task).result()
        except BrokenProcessPool:
            error = (
                f"{task.photo} terminated the process that read it: "
                "the file may be damaged, or memory may be short"
            )
            return PhotoResult((), photo=str(task.photo), error=error)


_here: list[PhotoProcessor] = []
"""The processor of this process of the pool."""


def _start_process(settings: BatchSettings) -> None:
    import cv2

    own_descriptors()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent handles Ctrl-C
    cv2.setNumThreads(1)
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_exit_with, args=(parent.sentinel,), daemon=True).start()
    _here.append(PhotoProcessor(settings))


def _exit_with(sentinel: int) -> None:
    """End this process when its parent is killed."""
    connection.wait([sentinel])
    os._exit(1)


def _process_here(task: PhotoTask) -> PhotoResult:
    return _here[0].process(task)
