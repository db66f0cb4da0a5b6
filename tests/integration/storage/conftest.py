"""A real disk of a few megabytes that can be filled, emptied and turned read-only.

It is a tmpfs. Mounting one needs root; where the tests may not, these are skipped and say so.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.integration.hub.conftest import HubProcess
from tests.integration.test_edge_floor import Site, stock_the_house

CHUNK_BYTES = 65_536
EDGE_DISK_BYTES = 24 << 20
BALLAST_BYTES = 1 << 20


def tool(name: str) -> str:
    """Return where a system program is; skips the test where there is none."""
    return shutil.which(name) or pytest.skip(f"this machine has no {name}")


class SmallDisk:
    """A mounted tmpfs and the file that fills it."""

    def __init__(self, folder: Path, size_bytes: int) -> None:
        self.folder = folder
        self.size_bytes = size_bytes
        self._filler = folder / "filler"

    def fill_to(self, free_bytes: int) -> None:
        """Write until about `free_bytes` are left, 0 for none at all."""
        with self._filler.open("ab", buffering=0) as file:
            while (left := self.free_bytes() - free_bytes) > 0:
                try:
                    file.write(bytes(min(CHUNK_BYTES, left)))
                except OSError:
                    return

    def empty(self) -> None:
        """Give everything back."""
        self._filler.unlink(missing_ok=True)

    def free_bytes(self) -> int:
        status = os.statvfs(self.folder)
        return status.f_bavail * status.f_frsize

    def read_only(self, yes: bool) -> None:
        """Turn the disk read-only, as a kernel does that has seen errors."""
        mode = "remount,ro" if yes else "remount,rw"
        subprocess.run([tool("mount"), "-o", mode, str(self.folder)], check=True)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Callable[[int], SmallDisk]]:
    """Return a function that mounts a disk of the given size."""
    mounted: list[Path] = []

    def make(size_bytes: int) -> SmallDisk:
        folder = tmp_path / f"disk-{len(mounted)}"
        folder.mkdir()
        done = subprocess.run(
            [tool("mount"), "-t", "tmpfs", "-o", f"size={size_bytes}", "bincard-test", str(folder)],
            capture_output=True,
            check=False,
        )
        if done.returncode:
            pytest.skip("mounting a small disk needs root")
        mounted.append(folder)
        return SmallDisk(folder, size_bytes)

    yield make
    for folder in mounted:
        subprocess.run([tool("umount"), "--lazy", str(folder)], check=True)


@pytest.fixture
def edge_disk(small_disk: Callable[[int], SmallDisk]) -> SmallDisk:
    return small_disk(EDGE_DISK_BYTES)


@pytest.fixture
def edge(edge_disk: SmallDisk) -> Iterator[Site]:
    """Return a running edge whose whole state lies on the small disk, with parcels to pick."""
    folder = edge_disk.folder / "state"
    folder.mkdir()
    stock_the_house(folder, parcels=6)
    site = Site(folder)
    site.environment["BINCARD_EDGE_BALLAST_BYTES"] = str(BALLAST_BYTES)
    site.start()
    yield site
    site.http.close()
    site.kill()


@pytest.fixture
def hub_process_class() -> type[HubProcess]:
    return HubProcess
