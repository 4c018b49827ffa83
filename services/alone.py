"""The same answers without BentoML around them, for the one command that starts it: ready in half the time.

    python -m services.alone 20001         # in the source of a package: on this machine alone

`assay predict` starts it where no server is named. What others are to ask is `service.py`, which BentoML supervises.
"""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route

from services.callers import OPEN
from services.predictor import MIDDLEWARE, ROUTES, Predictor

_LAST_REQUESTS_S = 5


@asynccontextmanager
async def _life(_: Starlette) -> AsyncIterator[None]:
    ROUTES.state.predictor = Predictor()
    yield
    ROUTES.state.predictor.end()


async def _up(_: Request) -> Response:
    return Response()


def main(port: int) -> None:
    """Answer on a port of this machine until a signal comes."""
    routes = [*(Route(path, _up) for path in OPEN), Mount("/", ROUTES)]
    uvicorn.run(
        Starlette(routes=routes, middleware=MIDDLEWARE, lifespan=_life),
        port=port,
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=_LAST_REQUESTS_S,
    )


if __name__ == "__main__":
    main(int(sys.argv[1]))
