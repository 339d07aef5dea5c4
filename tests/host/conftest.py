# SPDX-License-Identifier: BSD-2-Clause
"""Fixtures of the host port's tests."""
import pytest

from programs import Scratch


@pytest.fixture
def scratch():
    made = Scratch()
    yield made
    made.close()
