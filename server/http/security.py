"""Who may ask, and what a browser may do with the answer.

- Host: only names this server is known by, so that a foreign name that resolves here (DNS
  rebinding) gets nothing. Plain IP addresses pass, because no name can be rebound to be one.
- Cross-site: a page of another site may link here (a top-level GET) but not change anything here.
- Token: when one is set, the API wants it as a bearer token, or as the cookie that `/?token=`
  leaves behind.
- Headers: a strict content security policy on everything.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs, urlsplit

from starlette.datastructures import Headers
from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from fovea.server.problems import CrossSite, ForeignHost, Unauthorised

CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        # plotly.js writes its layers' rules and SVG styles at run time; without 'unsafe-inline'
        # they are lost and it draws wrongly. Styles cannot run code; scripts stay strict.
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' blob: data:",
        "font-src 'self'",
        "connect-src 'self'",
        "manifest-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)

SECURITY_HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}

SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
GUARDED_PATHS = ("/v1", "/metrics")
COOKIE = "fovea"


class Security:
    """Refuses foreign hosts, cross-site changes and, with a token set, strangers."""

    def __init__(self, app: ASGIApp, allowed_hosts: tuple[str, ...], token: str | None) -> None:
        self.app, self.allowed_hosts, self.token = app, allowed_hosts, token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        check_host(headers.get("host", ""), self.allowed_hosts)
        if scope["method"] not in SAFE_METHODS:
            check_same_site(headers)
        if self.token is not None:
            if redirect := _sign_in(scope, self.token):
                await redirect(scope, receive, send)
                return
            if scope["path"].startswith(GUARDED_PATHS):
                check_token(headers, self.token)
        await self.app(scope, receive, send)


def check_host(host: str, allowed: tuple[str, ...]) -> None:
    """`host` is the Host header, with or without a port."""
    if "*" in allowed:
        return
    try:
        name = (urlsplit(f"//{host}").hostname or "").rstrip(".")
    except ValueError:
        name = ""
    if name == "localhost" or name.endswith(".localhost") or name in allowed:
        return
    try:
        ipaddress.ip_address(name)
    except ValueError:
        raise ForeignHost(f"This server is not called {name[:100]!r}.") from None


def check_same_site(headers: Headers) -> None:
    """Browsers say where a request comes from; other clients send neither header."""
    site = headers.get("sec-fetch-site")
    origin = headers.get("origin")
    if site is not None:
        foreign = site not in ("same-origin", "none")
    else:
        foreign = origin is not None and urlsplit(origin).netloc != headers.get("host")
    if foreign:
        raise CrossSite("This request was made by a page of another site.")


def check_token(headers: Headers, token: str) -> None:
    """As a bearer token, or as the cookie that signing in left behind."""
    scheme, _, given = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and _same(given.strip(), token):
        return
    try:
        cookie = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
    except CookieError:
        cookie = None
    if cookie is None or not _same(cookie.value, _cookie_value(token)):
        raise Unauthorised(
            "The token is missing or wrong.", headers={"WWW-Authenticate": 'Bearer realm="fovea"'}
        )


def _sign_in(scope: Scope, token: str) -> RedirectResponse | None:
    """`/?token=…`, the link printed at the start, trades the token for a cookie."""
    if scope["path"] != "/" or scope["method"] != "GET":
        return None
    given = parse_qs(scope["query_string"].decode("latin-1")).get("token", [""])[0]
    if not _same(given, token):
        return None
    redirect = RedirectResponse("/", status_code=303)
    redirect.set_cookie(COOKIE, _cookie_value(token), httponly=True, samesite="strict")
    return redirect


def _cookie_value(token: str) -> str:
    return hashlib.sha256(f"fovea cookie {token}".encode()).hexdigest()


def _same(given: str, expected: str) -> bool:
    return hmac.compare_digest(given.encode(), expected.encode())
