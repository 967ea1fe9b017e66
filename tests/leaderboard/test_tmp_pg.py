import runpy, threading
from pathlib import Path
from dataclasses import replace
FAKE = runpy.run_path(str(Path(__file__).resolve().parents[1] / "fakes" / "plays.py"))
from leaderboard.board import Board
from leaderboard.attempts import find_game
from leaderboard.plays import DIALOGUES, ask, answer
from leaderboard.assembly import assemble
from leaderboard.submissions import list_submissions
from leaderboard.worker import work
from leaderboard.teams import Refused
def test_pg(server, tmp_path):
    store = FAKE["make_store"](tmp_path/"store")
    run = FAKE["evaluate_openly"](store, tmp_path/"run")
    place = FAKE["make_place"](tmp_path/"board", store, database=server.new_database())
    rec = FAKE["Recorded"](run)
    ids=set()
    def beg(): ids.add(place.begin().attempt.id)
    ts=[threading.Thread(target=beg) for _ in range(6)]; [t.start() for t in ts]; [t.join() for t in ts]
    assert len(ids)==1
    game = place.begin()
    bad=[]
    def player(seed):
        import random
        rng=random.Random(seed)
        board=Board.open(place.board.settings)
        g=find_game(board, place.team, game.attempt.id)
        for theirs in FAKE["sessions"](g):
            theirs=list(theirs); rng.shuffle(theirs)
            replies=ask(g,theirs)
            for _ in range(40):
                going=[r for r in replies if r.turn]
                if not going: break
                for r in going:
                    if r.given != rec.given(r.which)[r.turn-1]: bad.append(r)
                if rng.random()<0.3: DIALOGUES.clear()
                try:
                    replies=answer(g,[rec.answer(r.which,r.turn) for r in going])
                except Refused as e:
                    bad.append(e); replies=ask(g,theirs)
        board.database.close()
    ts=[threading.Thread(target=player,args=(i,)) for i in range(6)]; [t.start() for t in ts]; [t.join() for t in ts]
    assert bad==[]
    g=find_game(place.board, place.team, game.attempt.id)
    out=[]
    ts=[threading.Thread(target=lambda: out.append(assemble(find_game(place.board, place.team, game.attempt.id)))) for i in range(4)]; [t.start() for t in ts]; [t.join() for t in ts]
    assert len(set(out))==1 and len(out)==4
    work(place.board.settings, until_empty=True)
    with place.board.database.read() as c:
        (s,)=list_submissions(c)
    assert s.state=="verified"
    place.board.database.close()
