"""A disk that can fail, under the real SQLite: every write, cut and sync passes through here.

SQLite talks to files through a table of functions (its VFS). This module puts its own functions
into a copy of that table and makes the copy the default, so every database that is opened
meanwhile, by whatever code, lives on this disk: the operating system still does the work, and the
disk decides beforehand whether the call succeeds, notes it in a journal, or takes its time.

From the journal `after_power_cut` builds what a machine finds when its power failed after any
number of calls: what was synced is there; of what was not, a random part, the last write torn at a
sector. Source: https://sqlite.org/vfs.html, https://sqlite.org/c3ref/io_methods.html.
"""

from __future__ import annotations

import ctypes
import random
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest

OK = 0
FULL = sqlite3.SQLITE_FULL
WRITE_FAILED = sqlite3.SQLITE_IOERR_WRITE
SYNC_FAILED = sqlite3.SQLITE_IOERR_FSYNC
READ_ONLY = sqlite3.SQLITE_READONLY
SECTORS = (512, 4_096)
"""Sizes at which a write that was under way is torn."""

_Int, _Pointer, _Int64 = ctypes.c_int, ctypes.c_void_p, ctypes.c_int64
_CLOSE = ctypes.CFUNCTYPE(_Int, _Pointer)
_WRITE = ctypes.CFUNCTYPE(_Int, _Pointer, _Pointer, _Int, _Int64)
_TRUNCATE = ctypes.CFUNCTYPE(_Int, _Pointer, _Int64)
_SYNC = ctypes.CFUNCTYPE(_Int, _Pointer, _Int)
_OPEN = ctypes.CFUNCTYPE(_Int, _Pointer, _Pointer, _Pointer, _Int, _Pointer)
_DELETE = ctypes.CFUNCTYPE(_Int, _Pointer, ctypes.c_char_p, _Int)


class _Methods(ctypes.Structure):
    """`sqlite3_io_methods`: what can be done with one open file."""

    _fields_ = (
        ("version", _Int),
        ("close", _CLOSE),
        ("read", _Pointer),
        ("write", _WRITE),
        ("truncate", _TRUNCATE),
        ("sync", _SYNC),
        ("others", _Pointer * 13),
    )


class _Vfs(ctypes.Structure):
    """`sqlite3_vfs`: how files are opened and deleted."""

    _fields_ = (
        ("version", _Int),
        ("file_bytes", _Int),
        ("path_bytes_max", _Int),
        ("next", _Pointer),
        ("name", ctypes.c_char_p),
        ("data", _Pointer),
        ("open", _OPEN),
        ("delete", _DELETE),
        ("others", _Pointer * 14),
    )


class Call(NamedTuple):
    """One call that changed the disk, or `said`, which only marks when somebody was answered."""

    kind: str
    name: str
    at: int = 0
    data: bytes = b""


Judge = Callable[[int, Call], int]
"""Gets the number of a call and the call; returns OK or the SQLite code it fails with."""


def _no_objection(_number: int, _call: Call) -> int:
    return OK


class FaultyDisk:
    """The disk: a journal of calls, and `judge`, which may refuse each one."""

    def __init__(self, folder: Path) -> None:
        """Only files in `folder` are looked at; others are left alone."""
        self.folder = folder.resolve()
        self.journal: list[Call] = []
        self.recording = False
        self.judge: Judge = _no_objection
        self.calls = 0
        self._names: dict[int, str] = {}
        self._methods: dict[int, tuple[_Methods, _Methods]] = {}
        self._tables: dict[int, int] = {}
        self._kept: list[Any] = []

    def said(self, who: str, what: bytes) -> None:
        """Note that `who` told somebody `what` at this moment."""
        if self.recording:
            self.journal.append(Call("said", who, data=what))

    def _ask(self, call: Call) -> int:
        self.calls += 1
        code = self.judge(self.calls, call)
        if code == OK and self.recording:
            self.journal.append(call)
        return code

    def methods_for(self, file: int, name: str) -> None:
        """Put our functions in front of those of the file that was opened just now."""
        slot = ctypes.cast(file, ctypes.POINTER(_Pointer))
        original = slot[0]
        if original is None:
            return
        if original not in self._methods:
            real = _Methods.from_address(original)
            ours = _Methods()
            ctypes.memmove(ctypes.byref(ours), original, ctypes.sizeof(_Methods))
            ours.close = _CLOSE(self._close)
            ours.write = _WRITE(self._write)
            ours.truncate = _TRUNCATE(self._truncate)
            ours.sync = _SYNC(self._sync)
            self._methods[original] = (real, ours)
        self._names[file] = name
        self._tables[file] = original
        slot[0] = ctypes.addressof(self._methods[original][1])

    def _real(self, file: int) -> _Methods:
        return self._methods[self._tables[file]][0]

    def _close(self, file: int) -> int:
        real = self._real(file)
        self._names.pop(file), self._tables.pop(file)
        return int(real.close(file))

    def _write(self, file: int, data: int, size: int, at: int) -> int:
        call = Call("write", self._names[file], at, ctypes.string_at(data, size))
        return self._ask(call) or int(self._real(file).write(file, data, size, at))

    def _truncate(self, file: int, size: int) -> int:
        call = Call("truncate", self._names[file], size)
        return self._ask(call) or int(self._real(file).truncate(file, size))

    def _sync(self, file: int, flags: int) -> int:
        return self._ask(Call("sync", self._names[file])) or int(self._real(file).sync(file, flags))

    def own(self, path: bytes | None) -> str:
        """Return the name of a file on this disk, "" for one that lies elsewhere."""
        if path is None:
            return ""
        found = Path(path.decode())
        return str(found.relative_to(self.folder)) if found.is_relative_to(self.folder) else ""

    def deleted(self, name: str, synced: int) -> int:
        """Judge and note the end of a file."""
        return self._ask(Call("delete", name, synced))


def library() -> ctypes.CDLL:
    """Return the SQLite that Python's module uses; skips the test where it is built in."""
    try:
        found = ctypes.CDLL("libsqlite3.so.0")
    except OSError:
        pytest.skip("this Python carries its own SQLite, whose files cannot be taken over")
    found.sqlite3_libversion.restype = ctypes.c_char_p
    if found.sqlite3_libversion().decode() != sqlite3.sqlite_version:
        pytest.skip("this Python carries its own SQLite, whose files cannot be taken over")
    found.sqlite3_vfs_find.restype = _Pointer
    found.sqlite3_vfs_find.argtypes = [ctypes.c_char_p]
    found.sqlite3_vfs_register.argtypes = [_Pointer, _Int]
    found.sqlite3_vfs_unregister.argtypes = [_Pointer]
    return found


@contextmanager
def faulty_disk(folder: Path) -> Iterator[FaultyDisk]:
    """Let every database opened inside the block live on a disk that can fail.

    Databases must be closed before the block ends.
    """
    sqlite = library()
    real_at = sqlite.sqlite3_vfs_find(None)
    real = _Vfs.from_address(real_at)
    disk = FaultyDisk(folder)
    ours = _Vfs()
    ctypes.memmove(ctypes.byref(ours), real_at, ctypes.sizeof(_Vfs))
    name = ctypes.create_string_buffer(b"faulty")

    def opened(vfs: int, path: int, file: int, flags: int, flags_out: int) -> int:
        own = disk.own(ctypes.string_at(path) if path else None)
        code = int(real.open(vfs, path, file, flags, flags_out))
        if code == OK and own:
            disk.methods_for(file, own)
        return code

    def deleted(vfs: int, path: bytes, synced: int) -> int:
        own = disk.own(path)
        code = disk.deleted(own, synced) if own else OK
        return code or int(real.delete(vfs, path, synced))

    ours.next, ours.name = None, ctypes.cast(name, ctypes.c_char_p)
    ours.open, ours.delete = _OPEN(opened), _DELETE(deleted)
    sqlite.sqlite3_vfs_register(ctypes.byref(ours), 1)
    try:
        yield disk
    finally:
        sqlite.sqlite3_vfs_register(real_at, 1)
        sqlite.sqlite3_vfs_unregister(ctypes.byref(ours))


class Platter:
    """What is safely on a disk, and what was written after that and may be lost."""

    def __init__(self, files: dict[str, bytes] | None = None) -> None:
        """Begin with `files`, all of them safe."""
        self._safe = {name: bytearray(data) for name, data in (files or {}).items()}
        self._waiting: list[Call] = []

    def take(self, call: Call) -> None:
        """Carry out one call."""
        if call.kind == "said":
            return
        if call.kind == "sync":
            # The first sync of a new file syncs its folder too, and with it what was deleted there.
            fresh = call.name not in self._safe
            kept = []
            for one in self._waiting:
                if one.name == call.name or (fresh and one.kind == "delete"):
                    _apply(self._safe, one)
                else:
                    kept.append(one)
            self._waiting = kept
            self._safe.setdefault(call.name, bytearray())
        elif call.kind == "delete" and call.at:
            self._waiting = [one for one in self._waiting if one.name != call.name]
            self._safe.pop(call.name, None)
        else:
            self._waiting.append(call)

    def synced(self) -> dict[str, bytes]:
        """Return the files when everything that was not synced is lost."""
        return {name: bytes(data) for name, data in self._safe.items()}

    def everything(self) -> dict[str, bytes]:
        """Return the files when nothing is lost: the process died, the machine did not."""
        files = {name: bytearray(data) for name, data in self._safe.items()}
        for call in self._waiting:
            _apply(files, call)
        return {name: bytes(data) for name, data in files.items()}

    def torn(self, dice: random.Random) -> dict[str, bytes]:
        """Return the files when a random part of what was not synced is there, the last torn.

        Calls on one file's length and end keep their order; plain writes may overtake each other.
        """
        files = {name: bytearray(data) for name, data in self._safe.items()}
        for number, call in enumerate(self._waiting):
            last = number == len(self._waiting) - 1
            if call.kind == "write" and last:
                _apply(files, _torn(call, dice))
            elif dice.random() < 0.5:
                _apply(files, call)
        return {name: bytes(data) for name, data in files.items()}


def _torn(call: Call, dice: random.Random) -> Call:
    """Return the sectors of a write that reached the disk: from the front, or from the back."""
    sector = dice.choice(SECTORS)
    cut = dice.randrange(0, len(call.data) // sector + 1) * sector
    if dice.random() < 0.5:
        return call._replace(data=call.data[:cut])
    return call._replace(at=call.at + cut, data=call.data[cut:])


def _apply(files: dict[str, bytearray], call: Call) -> None:
    if call.kind == "delete":
        files.pop(call.name, None)
        return
    content = files.setdefault(call.name, bytearray())
    end = call.at + len(call.data) if call.kind == "write" else call.at
    if len(content) < end:
        content.extend(bytes(end - len(content)))
    if call.kind == "write":
        content[call.at : end] = call.data
    else:
        del content[call.at :]
