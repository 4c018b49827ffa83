"""The service inside every package, by BentoML: what `predictor.py` answers, with `/livez`, `/readyz` and `/metrics`.

bentoml serve <package>
"""

import bentoml

from services.callers import read_tokens
from services.predictor import MIDDLEWARE, ROUTES, Predictor, checked_manifest


# 127.0.0.1 unless BENTOML_HOST or --host says otherwise; who asks from elsewhere needs a token (`callers.py`).
@bentoml.service(
    name="assay",
    workers=1,
    traffic={"timeout": 60},
    http={"host": "127.0.0.1"},
    # A third of a millisecond each, for spans that nobody collects and lines that `request_log.py` writes sooner.
    tracing={"excluded_urls": ".*"},
    logging={"access": {"enabled": False}},
)
class Service:
    """One model, answering."""

    def __init__(self) -> None:
        # Now: of threads that import parts of a library at once, one may get them half made.
        import astropy.io.fits
        import astropy.table
        import astropy.units
        import astropy.wcs  # noqa: F401

        self._predictor = ROUTES.state.predictor = Predictor()

    @bentoml.on_deployment  # type: ignore[untyped-decorator]
    @staticmethod
    def refuse_damage() -> None:
        """End before any worker is started when a file is not what was packaged, or a token is none."""
        try:
            checked_manifest()
            read_tokens()
        except ValueError as error:
            raise SystemExit(str(error)) from error

    # Not left to `atexit`: uvicorn ends its process by the very signal that it was told to end by.
    @bentoml.on_shutdown  # type: ignore[untyped-decorator]
    def end(self) -> None:
        """Write what is yet to be recorded, once all requests are answered."""
        self._predictor.end()


Service.mount_asgi_app(ROUTES)  # type: ignore[attr-defined]
for _one in MIDDLEWARE:
    Service.add_asgi_middleware(_one.cls, **_one.kwargs)  # type: ignore[attr-defined]
