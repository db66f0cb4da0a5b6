"""The bad line itself: what it does to bytes, before anything is blamed on it."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest

from tests.process.proxy import Proxy

PATIENCE_SECONDS = 5.0


class Echo:
    """A server that answers every byte with the same byte and remembers how callers left."""

    def __init__(self) -> None:
        self.ends: list[str] = []
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        with suppress(OSError):
            while True:
                caller, _ = self._server.accept()
                threading.Thread(target=self._serve, args=(caller,), daemon=True).start()

    def _serve(self, caller: socket.socket) -> None:
        try:
            while data := caller.recv(65_536):
                caller.sendall(data)
            self.ends.append("goodbye")
        except OSError:
            self.ends.append("reset")

    def stop(self) -> None:
        self._server.close()


@pytest.fixture
def echo() -> Iterator[Echo]:
    made = Echo()
    yield made
    made.stop()


@pytest.fixture
def line(echo: Echo) -> Iterator[Proxy]:
    made = Proxy(echo.port)
    yield made
    made.stop()


@pytest.fixture
def caller(line: Proxy) -> Iterator[socket.socket]:
    end = socket.create_connection(("127.0.0.1", line.port))
    end.settimeout(PATIENCE_SECONDS)
    yield end
    end.close()


def take(end: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size and (more := end.recv(size - len(data))):
        data += more
    return data


def is_silent(end: socket.socket) -> bool:
    end.settimeout(0.2)
    try:
        return end.recv(1) == b"never"
    except TimeoutError:
        return True
    finally:
        end.settimeout(PATIENCE_SECONDS)


def eventually(check: Callable[[], object]) -> None:
    pause = threading.Event()
    for _ in range(500):
        if check():
            return
        pause.wait(0.01)
    pytest.fail("it never became true")


def test_a_good_line_carries_a_megabyte_there_and_back(line, caller):
    data = bytes(range(256)) * 4_096
    threading.Thread(target=caller.sendall, args=(data,), daemon=True).start()
    assert take(caller, len(data)) == data
    assert (line.up.passed_bytes, line.down.passed_bytes) == (len(data), len(data))


def test_swallowed_bytes_are_gone_and_the_later_ones_arrive(line, caller):
    line.up.swallow = True
    caller.sendall(b"lost")
    assert is_silent(caller)
    line.up.swallow = False
    caller.sendall(b"here")
    assert take(caller, 4) == b"here"


def test_only_one_way_can_be_dark(echo, line, caller):
    line.down.swallow = True
    caller.sendall(b"one way")
    eventually(lambda: line.up.passed_bytes == 7)
    assert is_silent(caller)


def test_held_bytes_arrive_when_the_line_is_mended(line, caller):
    line.down.hold = True
    caller.sendall(b"later")
    assert is_silent(caller)
    line.mend()
    assert take(caller, 5) == b"later"


def test_one_bit_of_a_chunk_is_flipped(line, caller):
    line.up.corrupt_chunks = 1
    caller.sendall(b"abc")
    assert take(caller, 3) == b"arc"


def test_a_line_breaks_in_the_middle_of_what_it_carries(echo, line, caller):
    line.up.cut_after_bytes = 3
    caller.sendall(b"abcdef")
    with suppress(OSError):
        assert take(caller, 6) in (b"", b"abc")
    eventually(lambda: echo.ends == ["reset"])


@pytest.mark.parametrize(("reset", "seen"), [(True, "reset"), (False, "goodbye")])
def test_a_cut_ends_every_connection_and_refuses_new_ones_until_mended(
    echo, line, caller, reset, seen
):
    caller.sendall(b"hello")
    assert take(caller, 5) == b"hello"
    line.cut(reset=reset)
    eventually(lambda: echo.ends == [seen])
    with suppress(OSError):
        assert take(caller, 1) == b""
    with socket.create_connection(("127.0.0.1", line.port)) as second:
        second.settimeout(PATIENCE_SECONDS)
        with suppress(OSError):
            assert second.recv(1) == b""
    line.mend()
    with socket.create_connection(("127.0.0.1", line.port)) as third:
        third.sendall(b"back")
        assert take(third, 4) == b"back"


def test_a_slow_line_takes_the_time_its_rate_and_its_length_say(line, caller):
    line.up.bytes_per_second, line.down.delay_seconds = 20_000, 0.2
    began = time.monotonic()
    caller.sendall(bytes(8_192))
    assert take(caller, 8_192) == bytes(8_192)
    assert time.monotonic() - began >= 0.2 + 4_096 / 20_000


def test_a_dark_line_hides_that_the_caller_left(echo, line, caller):
    caller.sendall(b"x")
    assert take(caller, 1) == b"x"
    line.up.swallow = line.down.swallow = True
    caller.close()
    assert not threading.Event().wait(0.2)
    assert echo.ends == []
    line.mend()
    eventually(lambda: len(echo.ends) == 1)
