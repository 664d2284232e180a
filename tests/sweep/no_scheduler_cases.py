"""--scheduler at an address where no Dask scheduler is: one line within the time-out, whatever listens there."""

from __future__ import annotations

import http.server
import socket
import struct
import threading
from collections.abc import Callable, Iterator

import pytest

from accelsim.cli import main
from accelsim.errors import AccelsimError
from tests.files.own_devices import in_a_thread

distributed = pytest.importorskip("distributed", reason="needs the extra cluster")

from accelsim.sweep import cluster  # noqa: E402

Answer = Callable[[socket.socket, threading.Event], None]


def says(greeting: bytes, *, closes: bool = False) -> Answer:
    def answer(connection: socket.socket, over: threading.Event) -> None:
        connection.sendall(greeting)
        if not closes:
            over.wait()

    return answer


def dribbles(connection: socket.socket, over: threading.Event) -> None:
    """A byte now and then, so that no time-out of a single read ends it."""
    while not over.wait(0.1):
        connection.sendall(b"\0")


PEERS: dict[str, Answer] = {
    "silent": says(b""),
    "closes": says(b"", closes=True),
    "SSH": says(b"SSH-2.0-OpenSSH_9.6\r\n"),
    "SMTP": says(b"220 mail ESMTP\r\n", closes=True),
    "HTTP answer": says(b"HTTP/1.0 400 Bad request\r\n\r\n<html></html>", closes=True),
    "Redis": says(b"-ERR unknown command\r\n"),
    "TLS alert": says(b"\x15\x03\x01\x00\x02\x02\x46", closes=True),
    "half a greeting": says(struct.pack("<Q", 200) + b"\1"),
    "wrong greeting": says(struct.pack("<Q", 24) + b"\xff" * 24),
    "no frames": says(struct.pack("<QQ", 8, 0)),
    "frame of lies": says(struct.pack("<QQQ", 16, 1, 1 << 62)),
    "empty": says(bytes(64)),
    "dribbles": dribbles,
}


@pytest.fixture
def listening(request: pytest.FixtureRequest) -> Iterator[int]:
    """The port of a listener on the loopback that treats every connection alike."""
    over = threading.Event()
    answer: Answer = request.param
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve(connection: socket.socket) -> None:
            try:
                with connection:
                    answer(connection, over)
            except OSError:
                pass

        def accept() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                threading.Thread(target=serve, args=(connection,), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        yield server.getsockname()[1]
        over.set()


def refusal(address: str) -> str:
    def work() -> None:
        with pytest.raises(AccelsimError) as refused, cluster.dask_executor(None, address):
            pass
        said.append(str(refused.value))

    said: list[str] = []
    in_a_thread(work)
    assert said[0].startswith(f"sweep: --scheduler {address}: ") and "\n" not in said[0]
    return said[0]


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "CONNECT_SECONDS", 1)


@pytest.mark.parametrize("scheme", ["tcp://", "", "tls://"])
@pytest.mark.parametrize("listening", PEERS.values(), ids=PEERS, indirect=True)
def test_peers_that_are_no_scheduler(listening: int, scheme: str) -> None:
    refusal(f"{scheme}127.0.0.1:{listening}")


def test_a_web_server() -> None:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        refusal(f"tcp://127.0.0.1:{server.server_address[1]}")
        server.shutdown()


@pytest.mark.parametrize(
    "address",
    [
        "", "nonsense", "tcp://", "tcp://:", "://", "127.0.0.1", "127.0.0.1:", "127.0.0.1:http",
        "127.0.0.1:0", "127.0.0.1:99999",
        "127.0.0.1:99999999999999999999", "127.0.0.1:-1", "tcp://[::1", "ucx://127.0.0.1:1", "ws://127.0.0.1:1", "wss://127.0.0.1:1",
        "tls://127.0.0.1:1", "inproc://x", "http://127.0.0.1:1", "ftp://x:1", "tcp://tcp://127.0.0.1:1",
        "/dev/null", "..:1", "x" * 300 + ":1",
    ],
)  # fmt: skip
def test_addresses_that_are_none(address: str) -> None:
    refusal(address)


def test_the_command_ends_with_2(
    tmp_path_factory: pytest.TempPathFactory, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        place = f"tcp://127.0.0.1:{server.getsockname()[1]}"
        with pytest.raises(SystemExit) as ended:
            main(
                [
                    "search",
                    "equal-area",
                    "--db",
                    str(tmp_path_factory.mktemp("s") / "r.db"),
                    "--scheduler",
                    place,
                ]
            )
    said = capsys.readouterr().err
    assert ended.value.code == 2 and said.count("\n") == 1 and "nobody answers there" in said
