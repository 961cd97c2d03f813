"""Peers that break the rules of ZMTP and of HTTP, and what a process costs meanwhile."""
import os
import socket
import threading
import time


def rss_mib(pid):
    with open(f"/proc/{pid}/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") >> 20


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def open_files(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


class Peak:
    """The most memory that a process had while the context was open."""

    def __init__(self, pid):
        self.pid, self.before, self.mib, self.over = pid, rss_mib(pid), rss_mib(pid), threading.Event()
        self.thread = threading.Thread(target=self.watch, daemon=True)

    def watch(self):
        while not self.over.wait(0.02):
            self.mib = max(self.mib, rss_mib(self.pid))

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()


def connect(endpoint, seconds=10):
    """A plain socket to ipc://PATH, tcp://HOST:PORT or http://HOST:PORT."""
    scheme, _, place = endpoint.partition("://")
    if scheme == "ipc":
        raw = socket.socket(socket.AF_UNIX)
        raw.settimeout(seconds)
        raw.connect(place)
        return raw
    host, _, port = place.rpartition(":")
    return socket.create_connection((host, int(port)), seconds)


GREETING = b"\xff" + bytes(8) + b"\x7f\x03\x00NULL" + bytes(48)
READY = b"\x05READY\x0bSocket-Type\x00\x00\x00\x06DEALER"


def zmtp(endpoint):
    """A connection on which frames may follow: ZMTP 3.0, no security."""
    raw = connect(endpoint)
    raw.sendall(GREETING + bytes([4, len(READY)]) + READY)
    got = b""
    while len(got) < 64 + 2 or len(got) < 64 + 2 + got[65]:
        piece = raw.recv(4096)
        if not piece:
            raise ConnectionError("the handshake was refused")
        got += piece
    return raw


def frame(size, more=True, filled=True):
    """`filled` False: the announcement alone."""
    head = bytes([int(more), size]) if size < 256 else bytes([2 + int(more)]) + size.to_bytes(8, "big")
    return head + (b"x" * size if filled else b"")


def flood(raw, piece, enough, seconds=300):
    """Sends `piece` until `enough(bytes that went)`. @returns (those bytes, whether the other side cut the connection)."""
    sent, end = 0, time.monotonic() + seconds
    while not enough(sent) and time.monotonic() < end:
        try:
            raw.sendall(piece)
        except TimeoutError:
            return sent, False
        except OSError:
            return sent, True
        sent += len(piece)
    return sent, False


def is_cut(raw, seconds):
    """Whether the other side ends the connection in that time; what it says before is read."""
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        raw.settimeout(left)
        try:
            if not raw.recv(65536):
                return True
        except TimeoutError:
            return False
        except OSError:
            return True
    return False
