"""Who is answered: this machine; from elsewhere whoever has a token, whose name the log has; nobody by a trick."""

import string
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.middleware.authentication import AuthenticationMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from services.callers import Callers, Tokens, is_here, read_tokens, turned_away

ANNA, NIGHTLY = "a" * 32, "n1.~+/=-_" * 4
Asked = Callable[..., tuple[int, str]]


@pytest.fixture(autouse=True)
def _no_tokens(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ASSAY_TOKENS", "ASSAY_TOKENS_FILE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def ask() -> Asked:
    async def answer(request: Request) -> PlainTextResponse:
        return PlainTextResponse(request.user.display_name)

    app = Starlette(routes=[Route("/{path:path}", answer)])
    app.add_middleware(AuthenticationMiddleware, backend=Callers(), on_error=turned_away)

    def asked(path: str = "/model", *, at: str = "127.0.0.1", **headers: str) -> tuple[int, str]:
        """Status and text for a request that came in by an address."""
        with TestClient(app, base_url=f"http://{at}:3000") as client:
            answer = client.get(path, headers=headers)
        return answer.status_code, answer.text

    return asked


@pytest.mark.parametrize("at", ["127.0.0.1", "127.8.0.1", "[::1]", "localhost", "LOCALHOST"])
def test_this_machine_needs_no_token(ask: Asked, at: str) -> None:
    assert ask(at=at) == (200, "")


@pytest.mark.parametrize("at", ["10.0.0.5", "0.0.0.0", "[2001:db8::1]", "169.254.1.1"])
def test_elsewhere_nobody_is_answered_until_there_are_tokens(ask: Asked, at: str) -> None:
    status, line = ask(at=at)
    assert (status, "ASSAY_TOKENS" in line) == (401, True)
    assert ask("/livez", at=at)[0] == ask("/readyz", at=at)[0] == 200


@pytest.mark.parametrize("host", ["evil.example", "evil.example:3000", "127.0.0.1.evil.example", "", "10.0.0.5"])
def test_a_name_of_somebody_elses_that_leads_here_is_refused(ask: Asked, host: str) -> None:
    status, line = ask(host=host)
    assert (status, f"Host is {host}: without" in line) == (421, True)


def test_with_tokens_everybody_has_one(ask: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASSAY_TOKENS", f"anna:{ANNA}\n nightly:{NIGHTLY} ")
    for at in ("127.0.0.1", "10.0.0.5"):
        assert ask(at=at, host="telescope.example", Authorization=f"Bearer {ANNA}") == (200, "anna")
        assert ask(at=at, Authorization=f"bearer  {NIGHTLY}") == (200, "nightly")
        assert ask(at=at)[0] == 401
        assert ask("/metrics", at=at)[0] == 401
        for wrong in (f"Basic {ANNA}", "Bearer", f"Bearer {ANNA[1:]}", ANNA, f"Bearer {ANNA}x"):
            assert ask(at=at, Authorization=wrong)[0] == 401, wrong


NAMES = st.text(string.ascii_letters + string.digits + "-_.", min_size=1, max_size=40)
TOKENS = st.text(string.ascii_letters + string.digits + "._~+/=-", min_size=20, max_size=200)


@given(st.dictionaries(NAMES, TOKENS, min_size=1, max_size=5), TOKENS)
def test_a_token_is_its_owners_alone(known: Mapping[str, str], other: str) -> None:
    if len(set(known.values())) < len(known):
        with pytest.raises(ValueError, match="the same token"):
            Tokens.parse(" ".join(f"{name}:{token}" for name, token in known.items()))
        return
    tokens = Tokens.parse("\n".join(f"{name}:{token}" for name, token in known.items()))
    for name, token in known.items():
        assert tokens.owner(f"Bearer {token}") == name
    if other not in known.values():
        assert tokens.owner(f"Bearer {other}") is None


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (f"anna:{ANNA} bert", "entry 2 is not NAME:TOKEN"),
        ("anna:hunter2", "entry 1 is not NAME:TOKEN"),
        (f"an,na:{ANNA}", "entry 1 is not NAME:TOKEN"),
        (f"anna:{ANNA} anna:{NIGHTLY}", "anna has two tokens"),
        (f"anna:{ANNA} bert:{ANNA}", "two names have the same token"),
    ],
)
def test_tokens_that_are_none_are_refused_without_being_said(text: str, line: str) -> None:
    with pytest.raises(ValueError, match=line) as caught:
        Tokens.parse(text)
    assert ANNA not in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_tokens_in_a_file_are_their_owners_to_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "tokens"
    monkeypatch.setenv("ASSAY_TOKENS_FILE", str(file))
    with pytest.raises(ValueError, match=r"tokens cannot be read .*it must hold NAME:TOKEN lines"):
        read_tokens()
    file.write_text(f"anna:{ANNA}\n")
    file.chmod(0o640)
    with pytest.raises(ValueError, match="open to other accounts: type `chmod 600"):
        read_tokens()
    file.chmod(0o600)
    assert list(read_tokens().digests) == ["anna"]
    file.write_text("\n")
    with pytest.raises(ValueError, match="tokens is empty"):
        read_tokens()


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "::ffff:127.0.0.1", "localhost"])
def test_what_is_of_this_machine_alone_is_known(host: str) -> None:
    assert is_here(host)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "::ffff:10.0.0.1", "", "localhost.example", "127.0.0.1:80", "unix"])
def test_what_is_not_is_not(host: str) -> None:
    assert not is_here(host)
