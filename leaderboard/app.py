"""Puts the service together; what it does is elsewhere."""

from fastapi import FastAPI

from imedbench import __version__
from leaderboard import guard, problems
from leaderboard.board import Board
from leaderboard.cache import Cache
from leaderboard.routes import pages, plays, results, uploads
from leaderboard.routes.answers import kept


def create_app(board: Board) -> FastAPI:
    """The service over a leaderboard.

    Args:
        board: opened; the caller closes it.
    """
    app = FastAPI(title=board.settings.name, version=__version__, docs_url=None, redoc_url=None)
    app.state.board, app.state.cache = board, Cache()
    guard.install(app, board.settings, kept)
    problems.install(app)
    for router in (pages.router, results.router, uploads.router, plays.router):
        app.include_router(router)
    return app
