import threading
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlencode

import pytest

from imedbench.curate.decisions import Decision, read_decisions
from imedbench.curate.server import ReviewServer
from imedbench.curate.task import CurateSettings
from imedbench.curate.totalseg import curate
from imedbench.errors import BadInput
from imedbench.workers import Workers


@pytest.fixture
def out(source: Path, tmp_path: Path) -> Path:
    curate(source, tmp_path / "out", CurateSettings(), workers=Workers(0))
    return tmp_path / "out"


@pytest.fixture
def server(out: Path) -> Iterator[ReviewServer]:
    with ReviewServer(out) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def ask(server: ReviewServer, path: str, form: dict[str, str] | None = None, **headers: str) -> tuple[int, bytes]:
    host, port = server.server_address[:2]
    connection = HTTPConnection(str(host), port, timeout=10)
    body = None if form is None else urlencode(form)
    connection.request("GET" if form is None else "POST", path, body, headers)
    answer = connection.getresponse()
    return answer.status, answer.read()


def decide(server: ReviewServer, **told: str) -> int:
    form = {"token": server.token, "subject": "s0000", "verdict": "reject", "note": "", "page": "1"} | told
    return ask(server, "/decide", form)[0]


def test_the_list_and_its_pictures(server: ReviewServer) -> None:
    status, text = ask(server, "/")
    assert status == 200
    assert b"picture/s0000.webp" in text
    status, picture = ask(server, "/picture/s0000.webp")
    assert status == 200
    assert picture[8:12] == b"WEBP"


def test_a_decision_is_kept(server: ReviewServer, out: Path) -> None:
    assert decide(server, note="  the patient\nmoved ") == 303
    assert decide(server, subject="s0001", verdict="accept") == 303
    assert read_decisions(out) == {"s0000": Decision("reject", "the patient moved"), "s0001": Decision("accept")}
    assert b"the patient moved" in ask(server, "/")[1]
    assert decide(server, verdict="") == 303
    assert read_decisions(out)["s0000"] == Decision()


@pytest.mark.parametrize(
    ("told", "status"),
    [
        ({"token": "another"}, 403),
        ({"token": "ä"}, 403),
        ({"subject": "s0009"}, 400),
        ({"subject": "../s0000"}, 400),
        ({"verdict": "maybe"}, 400),
        ({"note": "x" * 30_000}, 413),
    ],
)
def test_a_form_that_is_not_ours_changes_nothing(
    server: ReviewServer, out: Path, told: dict[str, str], status: int
) -> None:
    assert decide(server, **told) == status
    assert read_decisions(out) == {}


@pytest.mark.parametrize("path", ["/picture/../../../etc/passwd", "/picture/s0009.webp", "/subjects.jsonl"])
def test_nothing_else_is_served(server: ReviewServer, path: str) -> None:
    assert ask(server, path)[0] == 404


def test_another_sites_name_for_this_machine_is_refused(server: ReviewServer) -> None:
    assert ask(server, "/", Host="example.org")[0] == 403
    assert ask(server, "/decide", {"token": server.token}, Host="example.org:80")[0] == 404


def test_a_table_that_was_broken_meanwhile_is_told_of(server: ReviewServer, out: Path) -> None:
    (out / "review.csv").write_text("nonsense")
    status, text = ask(server, "/")
    assert status == 500
    assert b"review.csv" in text


def test_what_is_no_curated_data(tmp_path: Path) -> None:
    with pytest.raises(BadInput):
        ReviewServer(tmp_path)
