"""A witness (c2sp.org/tlog-witness) for one log, on a port of its own."""

import base64
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from lfrd.audit.signing import PrivateKey
from lfrd.audit.verify import COSIGNATURE, BadLog, PublicKey, check_consistency, note_of


class Witness:
    """What it has signed, and how it answers; `answers` are given instead, one after the other."""

    def __init__(self) -> None:
        self.key = PrivateKey("witness.example/w1", COSIGNATURE, bytes(range(7, 39)))
        self.trusts: PublicKey | None = None
        self.signed = (0, b"")
        self.answers: list[tuple[int, str]] = []
        self.requests: list[str] = []
        self.url = ""

    def answer(self, path: str, body: str) -> tuple[int, str]:
        self.requests.append(body)
        if self.answers:
            return self.answers.pop(0)
        head, _, text = body.partition("\n\n")
        old, *path_lines = head.splitlines()
        asked = note_of(text)
        if path != "/w/add-checkpoint" or self.trusts is None:
            return 404, ""
        try:
            if self.trusts not in asked.signers([self.trusts]):
                return 403, ""
        except BadLog:
            return 403, ""
        if int(old.removeprefix("old ")) != self.signed[0]:
            return 409, f"{self.signed[0]}\n"
        try:
            path_hashes = [base64.b64decode(line) for line in path_lines]
            check_consistency(self.signed, (asked.size, asked.root), path_hashes)
        except BadLog:
            return 422, ""
        self.signed = asked.size, asked.root
        return 200, self.key.sign(asked.text).line


@contextmanager
def witness() -> Iterator[Witness]:
    """One that answers until the block is left."""
    state = Witness()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status, text = state.answer(self.path, body.decode())
            self.send_response(status)
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = False
    state.url = f"http://127.0.0.1:{server.server_port}/w"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
