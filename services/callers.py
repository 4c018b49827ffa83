"""Who may ask: whoever is on this machine; from elsewhere, and everybody where there are tokens, who has one.

    Middleware(AuthenticationMiddleware, backend=Callers(), on_error=turned_away)

    ASSAY_TOKENS="anna:6f0c… nightly:91ab…"        or        ASSAY_TOKENS_FILE=/run/secrets/tokens

Which address a request came in by is the system's word, not the sender's: a server that listens on more than this
machine answers nobody from elsewhere until there are tokens. A browser on this machine can be led to it under a name of
somebody else's (DNS rebinding), so that without tokens `Host` must be a name of this machine's.
"""

import hmac
import os
import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from ipaddress import IPv6Address, ip_address
from pathlib import Path

from starlette.authentication import AuthCredentials, AuthenticationBackend, AuthenticationError, SimpleUser
from starlette.requests import HTTPConnection
from starlette.responses import JSONResponse, Response

TOKENS = "ASSAY_TOKENS"
"""The variable with names and tokens; with `_FILE` behind its name, the file that holds them."""
OPEN = ("/livez", "/readyz", "/healthz")
"""What answers everybody: whether the server is up."""
_NAME = re.compile(r"[\w.-]{1,40}", re.ASCII)
_TOKEN = re.compile(r"[\w.~+/=-]{20,200}", re.ASCII)
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


@dataclass(frozen=True, kw_only=True)
class Tokens:
    """Digests of tokens, by whose they are."""

    digests: Mapping[str, bytes]

    @classmethod
    def parse(cls, text: str) -> "Tokens":
        """Those of a text of NAME:TOKEN, with spaces or lines between them.

        Raises:
            ValueError: in one line that holds no token, when it says something else, or anything twice.
        """
        digests: dict[str, bytes] = {}
        for number, part in enumerate(text.split(), 1):
            name, _, token = part.partition(":")
            if not _NAME.fullmatch(name) or not _TOKEN.fullmatch(token):
                raise ValueError(
                    f"{TOKENS}: entry {number} is not NAME:TOKEN: a name of letters, digits, -, _ or ., and a token of "
                    "20 to 200 characters; `openssl rand -hex 24` makes one"
                )
            if name in digests:
                raise ValueError(f"{TOKENS}: {name} has two tokens: give each a name of its own")
            digests[name] = sha256(token.encode()).digest()
        if len(set(digests.values())) < len(digests):
            raise ValueError(f"{TOKENS}: two names have the same token: nobody could tell who asks")
        return cls(digests=digests)

    def owner(self, authorization: str) -> str | None:
        """Whose token a header holds; None when nobody's. It takes as long whichever it is."""
        scheme, _, token = authorization.partition(" ")
        digest, found = sha256(token.strip().encode()).digest(), None
        for name, known in self.digests.items():
            if hmac.compare_digest(digest, known):
                found = name
        return found if scheme.lower() == "bearer" else None


def read_tokens() -> Tokens:
    """Those of this process.

    Raises:
        ValueError: in one line, when they cannot be read, are open to other accounts, or are none.
    """
    said, file = os.environ.get(TOKENS), os.environ.get(f"{TOKENS}_FILE")
    if said or not file:
        return Tokens.parse(said or "")
    try:
        if Path(file).stat().st_mode & _OTHERS:
            raise ValueError(f"{TOKENS}_FILE {file} is open to other accounts: type `chmod 600 {file}`")
        found = Tokens.parse(Path(file).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"{TOKENS}_FILE {file} cannot be read ({error}): it must hold NAME:TOKEN lines") from error
    if not found.digests:
        raise ValueError(f"{TOKENS}_FILE {file} is empty: it must hold NAME:TOKEN lines")
    return found


class TurnedAwayError(AuthenticationError):
    """Who asks may not; with the status that says so."""

    def __init__(self, status: int, line: str) -> None:
        super().__init__(line)
        self.status = status


class Callers(AuthenticationBackend):
    """Who asks, and whether they may."""

    @cached_property
    def tokens(self) -> Tokens:
        """Read when the first request comes: the module is imported where nobody is served, too."""
        return read_tokens()

    async def authenticate(self, conn: HTTPConnection) -> tuple[AuthCredentials, SimpleUser] | None:
        """Whose request it is.

        Raises:
            TurnedAwayError: when it is nobody's who may ask.
        """
        if conn.scope["path"] in OPEN:
            return None
        if self.tokens.digests:
            owner = self.tokens.owner(conn.headers.get("authorization", ""))
            if owner is None:
                what = "its token is not known" if "authorization" in conn.headers else "it has no token"
                raise TurnedAwayError(401, f"{what}: send the header `Authorization: Bearer TOKEN`")
            return AuthCredentials(), SimpleUser(owner)
        if not is_here((conn.scope.get("server") or ("127.0.0.1",))[0]):
            raise TurnedAwayError(401, f"this server has no {TOKENS}: without them it answers its own machine alone")
        name = conn.headers.get("host", "localhost")
        if not is_here(name.removeprefix("[").partition("]")[0] if name.startswith("[") else name.partition(":")[0]):
            shown = ascii(name)[1:-1][:80]
            raise TurnedAwayError(
                421, f"Host is {shown}: without {TOKENS} it must be a name of this machine's, 127.0.0.1 say"
            )
        return None


def is_here(host: str) -> bool:
    """Whether an address is of this machine alone."""
    if host.lower() == "localhost":
        return True
    try:
        address = ip_address(host)
    except ValueError:
        return False
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return (mapped or address).is_loopback


def turned_away(_conn: HTTPConnection, error: AuthenticationError) -> Response:
    """The answer to who may not ask."""
    status = error.status if isinstance(error, TurnedAwayError) else 401
    headers = {"Connection": "close"} | ({"WWW-Authenticate": "Bearer"} if status == 401 else {})
    return JSONResponse({"error": str(error)}, status_code=status, headers=headers)
