"""What is refused before a request is looked at: foreign names, large bodies, other sites' forms."""

from collections.abc import Sequence
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from t2s.demo.hosts import bare_name, is_answered

MAX_BODY_BYTES = 16_384
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; media-src 'self'; "
        "img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}


class Guard:
    """ASGI middleware: refuses by headers alone, so that no body is ever read in vain."""

    def __init__(self, app: ASGIApp, names: Sequence[str]) -> None:
        """`names` are those under which the demo answers: see hosts.is_answered."""
        self.app = app
        self.names = frozenset(map(bare_name, names))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer it with the reason why not."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers, (arrived_at, _) = Headers(scope=scope), scope.get("server") or (None, None)
        host = headers.get("host", "")
        refusal = _refusal(headers) if is_answered(host, self.names, arrived_at) else _foreign(host)
        if refusal is None:
            await self.app(scope, receive, _with_headers(send))
            return
        status, message = refusal
        await JSONResponse({"message": message}, status, {"Connection": "close"})(scope, receive, send)


def _foreign(host: str) -> tuple[int, str]:
    return 400, (
        f"the demo does not answer to the name {bare_name(host)[:100]!r}; if you gave this machine that name, start it "
        "with t2s demo --allow-name NAME"
    )


def _refusal(headers: Headers) -> tuple[int, str] | None:
    if "transfer-encoding" in headers:
        return 411, "say how long the body is (Content-Length)"
    length = headers.get("content-length", "0")
    if not length.isdecimal() or int(length) > MAX_BODY_BYTES:
        return 413, f"a request holds at most {MAX_BODY_BYTES} bytes"
    origin = headers.get("origin")
    if origin is not None and urlsplit(origin).netloc != headers.get("host"):
        return 403, "another site may not ask here"
    return None


def _with_headers(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers.setdefault(name, value)
            headers.setdefault("Cache-Control", "no-store")
        await send(message)

    return sending
