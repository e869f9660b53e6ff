"""Frames cut anywhere, and channels between plain sockets."""

import socket
import threading
from collections.abc import Iterator

import pytest

from termforge.sandbox.frames import STDERR, STDOUT, Channels, Frames


def frame(stream: int, payload: bytes) -> bytes:
    return bytes([stream, 0, 0, 0]) + len(payload).to_bytes(4, "big") + payload


@pytest.fixture
def channels() -> Iterator[Channels]:
    channels = Channels()
    yield channels
    channels.close()


def joined(pieces: Iterator[tuple[int, bytes]]) -> dict[int, bytes]:
    found: dict[int, bytes] = {}
    for stream, payload in pieces:
        found[stream] = found.get(stream, b"") + payload
    return found


@pytest.mark.parametrize("size", [1, 2, 7, 8, 9, 1000])
def test_frames_are_put_together_wherever_they_were_cut(size: int) -> None:
    data = frame(STDOUT, b"abc") + frame(STDERR, b"x") + frame(STDOUT, b"") + frame(STDOUT, b"d" * 300)
    frames = Frames()
    pieces = (piece for start in range(0, len(data), size) for piece in frames.feed(data[start : start + size]))
    assert joined(pieces) == {STDOUT: b"abc" + b"d" * 300, STDERR: b"x"}


def test_a_channel_carries_stdout_up_and_keys_down(channels: Channels) -> None:
    engine, container = socket.socketpair()
    near = channels.attach(engine, early=frame(STDOUT, b"early "))
    container.sendall(frame(STDOUT, b"screen") + frame(STDERR, b"noise"))
    near.settimeout(5)
    received = b""
    while len(received) < 12:
        received += near.recv(100)
    assert received == b"early screen"
    near.sendall(b"keys")
    assert container.recv(100) == b"keys"
    near.close()
    container.close()


def test_either_end_that_closes_is_seen_by_the_other(channels: Channels) -> None:
    over = threading.Event()
    engine, container = socket.socketpair()
    near = channels.attach(engine, on_end=over.set)
    near.shutdown(socket.SHUT_WR)
    assert container.recv(1) == b""
    container.sendall(frame(STDOUT, b"last words"))
    container.close()
    near.settimeout(5)
    assert near.recv(100) == b"last words"
    assert near.recv(100) == b""
    assert over.wait(5)
    near.close()


def test_a_reader_that_stopped_is_not_read_for_without_end(channels: Channels) -> None:
    engine, container = socket.socketpair()
    near = channels.attach(engine)
    container.settimeout(1)
    with pytest.raises(TimeoutError):
        container.sendall(frame(STDOUT, bytes(4_000_000)))
    near.close()
    container.close()


def test_closing_ends_the_thread_and_every_channel() -> None:
    channels = Channels()
    engine, container = socket.socketpair()
    near = channels.attach(engine)
    channels.close()
    assert near.recv(1) == b""
    assert container.recv(1) == b""
    assert "termforge-channels" not in [thread.name for thread in threading.enumerate()]
    near.close()
    container.close()
