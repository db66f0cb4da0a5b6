"""What hub processes on the same books tell each other, and which of them leads.

A commit in one process must wake the pumps and the port for warehouses in another; the server's
LISTEN and NOTIFY carry the topic. The process that holds LEAD runs the pumps and the port. When it
dies, however it died, the server frees the lock and the next process takes over. A notice may be
lost with its sender, so the leader also looks by itself every few seconds; and what pumps do is
safe in two processes at once, because every use case holds the books while it runs.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Final

import psycopg

from hub.store.postgres.locks import Lock, numbers, try_to_lead
from hub.store.postgres.sql import PostgresSql, connect

TURN_SECONDS: Final = 0.1
"""How long a notice may wait before it is sent."""
LOOK_SECONDS: Final = 2.0
"""How often the leader looks for commands that nobody told it about, and others try to lead."""
RETRY_SECONDS: Final = 1.0
TOPICS_MAX: Final = 1_000
"""Different topics that may wait to be sent; beyond it the others find out by looking."""
STOP_SECONDS: Final = 5.0


class Neighbours:
    """One thread with a connection of its own. `heard` gets topics, `led` whether we lead."""

    def __init__(self, url: str, heard: Callable[[str], None]) -> None:
        """Neither callback may block or raise."""
        self.leads = False
        self.led: Callable[[bool], None] = lambda _: None
        self._url = url
        self._heard = heard
        self._sql: PostgresSql | None = None
        self._channel = ""
        self._lock = threading.Lock()
        self._waiting: set[str] = set()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="neighbours", daemon=True)

    def start(self) -> bool:
        """Begin to listen; return whether this process leads. Raises psycopg.OperationalError."""
        self._connect()
        self._try_to_lead()
        self._thread.start()
        return self.leads

    def stop(self) -> None:
        """Give up the lead and end the thread; a thread that never ran is fine too."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(STOP_SECONDS)
        if self._sql is not None:
            self._sql.connection.close()

    def say(self, topic: str) -> None:
        """Tell the other processes soon. From any thread."""
        with self._lock:
            if len(self._waiting) < TOPICS_MAX:
                self._waiting.add(topic)

    def _connect(self) -> None:
        sql = connect(self._url, name="neighbours")
        self._channel = "bincard_{}_{}".format(*numbers(sql, Lock.LEAD)).replace("-", "m")
        sql.script(f"SET synchronous_commit = off; LISTEN {self._channel}")
        self._sql = sql

    def _try_to_lead(self) -> None:
        if self._sql is not None and not self.leads and try_to_lead(self._sql):
            self.leads = True
            self.led(True)

    def _run(self) -> None:
        look_at = time.monotonic() + LOOK_SECONDS
        while not self._stopping.is_set():
            try:
                if self._sql is None:
                    self._connect()
                self._turn()
                if time.monotonic() >= look_at:
                    look_at = time.monotonic() + LOOK_SECONDS
                    self._try_to_lead()
                    if self.leads:
                        self._heard("commands:")
            except psycopg.Error:
                self._lose()
                self._stopping.wait(RETRY_SECONDS)

    def _turn(self) -> None:
        sql = self._sql
        if sql is None:
            return
        with self._lock:
            topics, self._waiting = self._waiting, set()
        for topic in topics:
            sql.execute("SELECT pg_notify(?, ?)", (self._channel, topic))
        own = sql.connection.info.backend_pid
        for notice in sql.connection.notifies(timeout=TURN_SECONDS):
            if notice.pid != own:
                self._heard(notice.payload)

    def _lose(self) -> None:
        """The connection is gone, and with it the lead."""
        if self._sql is not None:
            with suppress(psycopg.Error):
                self._sql.connection.close()
            self._sql = None
        if self.leads:
            self.leads = False
            self.led(False)
