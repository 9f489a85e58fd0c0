"""Parked descriptors stand above the soft limit, which stays as low as it was."""

import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing

import pytest

from supervise.kernel.descriptors import Parking


@pytest.fixture
def soft_limit() -> Iterator[int]:
    """256 descriptors for this process, as far as passing work is concerned."""
    former = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, former[1]))
    yield 256
    resource.setrlimit(resource.RLIMIT_NOFILE, former)


def test_parks_more_than_the_soft_limit_allows(soft_limit: int) -> None:
    parking = Parking()
    parked = [parking.park(os.open(os.devnull, os.O_RDONLY)) for _ in range(soft_limit + 50)]
    try:
        assert min(parked) >= 1024
        assert parking.used == len(parked)
        assert not any(os.get_inheritable(fd) for fd in parked)
        assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] == soft_limit
        with open(os.devnull) as passing:
            assert passing.fileno() < soft_limit
    finally:
        for fd in parked:
            parking.close(fd)
    assert parking.used == 0


def test_a_parked_descriptor_is_the_same_open_file() -> None:
    parking = Parking()
    reader, writer = os.pipe()
    with closing(os.fdopen(reader, "rb")) as end:
        parked = parking.park(writer)
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.write(writer, b"x")
        os.write(parked, b"y")
        parking.close(parked)
        assert end.read() == b"y"


def test_spare_until_half_is_used() -> None:
    parking = Parking()
    assert parking.spare()
    parking.used = parking.capacity // 2
    assert not parking.spare()


FULL = """
import os, resource
from supervise.errors import HostError
from supervise.kernel.descriptors import Parking
resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
parking = Parking()
try:
    while True:
        last = os.open(os.devnull, os.O_RDONLY)
        parking.park(last)
except HostError as error:
    print(parking.used, parking.capacity, os.path.exists(f"/proc/self/fd/{last}"), error)
"""


def test_no_place_left_says_what_to_raise_and_closes() -> None:
    result = subprocess.run(
        [sys.executable, "-c", FULL], capture_output=True, text=True, check=True
    )
    assert result.stdout == (
        "32 32 False out of descriptors after 32: raise the limit of open files "
        "(LimitNOFILE=, ulimit -n), now 64\n"
    )
