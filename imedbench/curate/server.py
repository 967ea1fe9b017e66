"""The review's pages on this machine: nothing but a list, its pictures, and one form."""

import secrets
import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from imedbench.curate.decisions import Decision, read_decisions, write_decisions
from imedbench.curate.files import picture_path
from imedbench.curate.review import page, ranked
from imedbench.errors import ImedbenchError

HOST = "127.0.0.1"
_LONGEST = 20_000
"""Bytes of a form."""
_LONGEST_NOTE = 500
_VERDICTS = ("", "accept", "reject")


class ReviewServer(ThreadingHTTPServer):
    """Serves the review of one curated data set to this machine only.

    Raises:
        BadInput: ``out`` is no curated data set, or its decisions cannot be read.
        OSError: the port is taken.
    """

    daemon_threads = True

    def __init__(self, out: Path, port: int = 0) -> None:
        ranked(out)
        self.out = out
        self.token = secrets.token_urlsafe(16)
        """Goes with every form, so that no other site can post one."""
        self.deciding = threading.Lock()
        super().__init__((HOST, port), _Handler)

    @property
    def url(self) -> str:
        """Of the list."""
        return f"http://{HOST}:{self.server_address[1]}/"


class _Handler(BaseHTTPRequestHandler):
    server: ReviewServer

    def do_GET(self) -> None:
        """The list, or a picture of it."""
        asked = urlsplit(self.path)
        if not self._is_local():
            self.send_error(HTTPStatus.FORBIDDEN)
        elif asked.path == "/":
            number = parse_qs(asked.query).get("page", ["1"])[0]
            self._answer_page(int(number) if number.isdecimal() and len(number) < 9 else 1)
        elif asked.path.startswith("/picture/"):
            self._answer_picture(asked.path.removeprefix("/picture/").removesuffix(".webp"))
        else:
            self.send_error(HTTPStatus.NOT_FOUND)

    def do_POST(self) -> None:
        """Keeps a decision and shows the list again."""
        length = self.headers.get("Content-Length", "")
        if urlsplit(self.path).path != "/decide" or not self._is_local():
            self.send_error(HTTPStatus.NOT_FOUND)
            return
        if not length.isdecimal() or int(length) > _LONGEST:
            self.send_error(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
            return
        form = parse_qs(self.rfile.read(int(length)).decode("utf-8", "replace"), keep_blank_values=True)
        told = {name: form.get(name, [""])[0] for name in ("token", "subject", "verdict", "note", "page")}
        if not secrets.compare_digest(told["token"].encode(), self.server.token.encode()):
            self.send_error(HTTPStatus.FORBIDDEN, "This form is of an earlier session: load the page again")
            return
        if not self._keep(told["subject"], told["verdict"], " ".join(told["note"].split())[:_LONGEST_NOTE]):
            self.send_error(HTTPStatus.BAD_REQUEST)
            return
        self.send_response(HTTPStatus.SEE_OTHER)
        self.send_header("Location", f"/?page={told['page'] if told['page'].isdecimal() else 1}")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _keep(self, subject: str, verdict: str, note: str) -> bool:
        """Whether there is such a subject and such a verdict, which now is in the table."""
        out = self.server.out
        if verdict not in _VERDICTS or subject not in {each.name for each in ranked(out)}:
            return False
        with self.server.deciding:
            decisions = read_decisions(out)
            decisions[subject] = Decision(verdict, note)  # type: ignore[arg-type]
            write_decisions(out, decisions)
        return True

    def _is_local(self) -> bool:
        """Whether the browser asked for this machine by its own name, not through another site's."""
        host = self.headers.get("Host", "").rsplit(":", 1)[0]
        return host in {HOST, "localhost"}

    def _answer_page(self, number: int) -> None:
        try:
            text = page(self.server.out, ranked(self.server.out), number, self.server.token)
        except ImedbenchError as problem:
            self._answer(str(problem).encode(), "text/plain; charset=utf-8", HTTPStatus.INTERNAL_SERVER_ERROR)
        else:
            self._answer(text.encode(), "text/html; charset=utf-8")

    def _answer_picture(self, subject: str) -> None:
        path = picture_path(self.server.out, subject)
        if path.name not in {each.name for each in path.parent.glob("*.webp")} or "/" in subject:
            self.send_error(HTTPStatus.NOT_FOUND)
            return
        self._answer(path.read_bytes(), "image/webp")

    def _answer(self, content: bytes, kind: str, status: HTTPStatus = HTTPStatus.OK) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Cache-Control", "no-cache")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Keeps the terminal free."""
