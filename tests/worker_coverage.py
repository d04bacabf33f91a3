"""Pytest plugin that measures coverage in the workers of pytest-xdist; `make coverage` runs it.

    coverage run -m pytest -p tests.worker_coverage -n 2

The setting `patch = ["subprocess"]` would measure every process that a test starts. Its data file
and its warnings break tests that limit the size of files or compare stderr.
"""

import os

import coverage

_measured: coverage.Coverage | None = None
# This module is imported before the test modules and conftest.py, which import the packages.
if "COVERAGE_RUN" in os.environ and "PYTEST_XDIST_WORKER" in os.environ:
    _measured = coverage.Coverage(data_suffix=True)
    _measured.start()


def pytest_unconfigure() -> None:
    """Write the worker's data file."""
    if _measured is not None:
        _measured.stop()
        _measured.save()
