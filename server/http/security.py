"""Who may ask, and what a browser may do with the answer (docs/security.md).

- Host: only names this server is known by, so that a foreign name that resolves here (DNS
  rebinding) gets nothing. Plain IP addresses pass, because no name can be rebound to be one.
- Cross-site: a page of another site may link here (a top-level GET) but not change anything here,
  unless it is one of FOVEA_ALLOWED_ORIGINS and has the token.
- Token: when one is set, the API wants it as a bearer token, or as the cookie that `/?token=`
  leaves behind. Who gives a wrong one waits for the answer.
- Makers: who made an analysis can forget it, by a cookie or by the key in the answer.
- Headers: a strict content security policy on everything.
"""

from __future__ import annotations

import asyncio
import hmac
import ipaddress
import secrets
from collections import OrderedDict
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import parse_qs, urlsplit

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from fovea.server.engine.turns import CLIENT
from fovea.server.http.rates import Rates
from fovea.server.problems import CrossSite, ForeignHost, NotYours, RateLimited, Unauthorised
from fovea.server.settings import Settings
from fovea.server.wire.addresses import address


def cross_origin(settings: Settings) -> dict[str, Any]:
    """What Starlette's CORSMiddleware is told of FOVEA_ALLOWED_ORIGINS."""
    return {
        "allow_origins": settings.allowed_origins,
        "allow_methods": ["GET", "POST", "DELETE"],
        "allow_headers": ["Authorization", "Content-Type", "If-None-Match", MAKER_HEADER],
        "expose_headers": ["ETag", "Location", "Retry-After", "X-Request-ID", MAKER_HEADER],
    }


def security_headers(frame_ancestors: tuple[str, ...]) -> dict[str, str]:
    """Headers of every answer. frame_ancestors: origins that may embed the page in a frame."""
    policy = (
        "default-src 'none'",
        "script-src 'self'",
        # plotly.js writes its layer rules and SVG styles at run time; without 'unsafe-inline' it
        # draws wrongly. Styles cannot run code; scripts stay strict.
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' blob: data:",
        "font-src 'self'",
        "connect-src 'self'",
        "manifest-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors " + (" ".join(frame_ancestors) or "'none'"),
    )
    return {
        "Content-Security-Policy": "; ".join(policy),
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Permissions-Policy": "camera=(self), geolocation=(), microphone=()",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
    }


SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
GUARDED_PATHS = ("/v1", "/metrics")
COOKIE, MAKER_COOKIE = "fovea", "fovea-maker"
MAKER_HEADER = "Fovea-Key"
COOKIE_AGE_S = 30 * 24 * 3600
KEY_FORM = frozenset("0123456789abcdef")

SLOWER_S, SLOWEST_S = 0.25, 2.0
"""Each further wrong token of a client delays its answer by this much more, up to a second."""
MOST_SLOWED = 64
REMEMBERED = 1000


@dataclass(frozen=True, slots=True)
class Trust:
    """The settings that decide who may do what. secret: key of cookies and ids."""

    allowed_hosts: tuple[str, ...]
    token: str | None
    secret: bytes
    framed: bool
    origins: tuple[str, ...]
    rate_limit: int | None

    @classmethod
    def of(cls, settings: Settings) -> Trust:
        """Without a configured secret a new one is made: cookies and ids then end with the
        process.
        """
        return cls(
            (settings.host.lower(), *settings.allowed_hosts),
            settings.token.get_secret_value() if settings.token else None,
            settings.key,
            bool(settings.frame_ancestors),
            settings.allowed_origins,
            settings.rate_limit,
        )

    @property
    def cookie(self) -> str:
        """The value that a browser keeps instead of the token."""
        told = f"cookie {self.token}".encode()
        return hmac.new(self.secret, told, "sha256").hexdigest()


class Security:
    """Refuses foreign hosts, cross-site changes, too many requests and, with a token, strangers."""

    def __init__(self, app: ASGIApp, trust: Trust) -> None:
        self.app, self.trust = app, trust
        self.rates = Rates(trust.rate_limit)
        self._wrong: OrderedDict[str, int] = OrderedDict()
        self._slowed = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        check_host(headers.get("host", ""), self.trust.allowed_hosts)
        guarded = scope["path"].startswith(GUARDED_PATHS)
        if guarded:
            self.rates.check(CLIENT.get())
        bearer = self._bearer(headers)
        if scope["method"] not in SAFE_METHODS:
            allowed = headers.get("origin") in self.trust.origins and bearer
            if not allowed:
                check_same_site(headers)
        if self.trust.token is not None:
            if redirect := await self._sign_in(scope):
                await redirect(scope, receive, send)
                return
            if guarded and not bearer and not self._cookie(headers):
                await self._slow_down(bool(headers.get("authorization")))
                raise Unauthorised(
                    "The token is missing or wrong.",
                    headers={"WWW-Authenticate": 'Bearer realm="fovea"'},
                )
        scope["state"]["operator"] = bearer
        await self.app(scope, receive, send)

    def _bearer(self, headers: Headers) -> bool:
        scheme, _, given = headers.get("authorization", "").partition(" ")
        token = self.trust.token
        return token is not None and scheme.lower() == "bearer" and _same(given.strip(), token)

    def _cookie(self, headers: Headers) -> bool:
        return _same(cookie_of(headers, COOKIE), self.trust.cookie)

    async def _slow_down(self, tried: bool) -> None:
        """Delays the answer if a token was tried, longer with every try of this client."""
        if not tried:
            return
        client = CLIENT.get()
        count = self._wrong[client] = self._wrong.pop(client, 0) + 1
        while len(self._wrong) > REMEMBERED:
            self._wrong.popitem(last=False)
        if self._slowed >= MOST_SLOWED:
            raise RateLimited("Too many wrong tokens at a time.", headers={"Retry-After": "2"})
        self._slowed += 1
        try:
            await asyncio.sleep(min(SLOWEST_S, SLOWER_S * count))
        finally:
            self._slowed -= 1

    async def _sign_in(self, scope: Scope) -> RedirectResponse | None:
        """Exchanges the token of `/?token=…`, the link printed at start-up, for a cookie."""
        if scope["path"] not in ("", "/") or scope["method"] != "GET":
            return None
        given = parse_qs(scope["query_string"].decode("latin-1")).get("token", [""])[0]
        if not given:
            return None
        if not _same(given, self.trust.token or ""):
            await self._slow_down(tried=True)
            return None
        redirect = RedirectResponse(address("/"), status_code=303)
        keep(redirect, scope, COOKIE, self.trust.cookie, framed=self.trust.framed)
        return redirect


def keep(response: Response, scope: Scope, name: str, value: str, *, framed: bool) -> None:
    """Sets an HttpOnly cookie, Secure behind TLS. In a frame of another site, which
    FOVEA_FRAME_ANCESTORS allows, only browsers with partitioned cookies keep it.
    """
    secure = scope["scheme"] == "https"
    foreign = framed and secure
    response.set_cookie(
        name,
        value,
        max_age=COOKIE_AGE_S,
        path=address("/"),
        httponly=True,
        secure=secure,
        samesite="none" if foreign else "strict",
    )
    if foreign:
        header, cookie = response.raw_headers[-1]
        response.raw_headers[-1] = (header, cookie + b"; Partitioned")


def cookie_of(headers: Headers, name: str) -> str:
    """Its value; empty if absent."""
    try:
        kept = SimpleCookie(headers.get("cookie", "")).get(name)
    except CookieError:
        return ""
    return "" if kept is None else kept.value


def maker_of(request: Request) -> str:
    """The client's key from the header or the cookie; empty if it has made nothing."""
    given = request.headers.get(MAKER_HEADER) or cookie_of(request.headers, MAKER_COOKIE)
    return given if len(given) == 32 and set(given) <= KEY_FORM else ""


def sign(response: Response, request: Request, maker: str, *, framed: bool) -> None:
    """Sends the maker of an analysis the key that deletes it: as a header and as a cookie."""
    response.headers[MAKER_HEADER] = maker
    if cookie_of(request.headers, MAKER_COOKIE) != maker:
        keep(response, request.scope, MAKER_COOKIE, maker, framed=framed)


def new_maker() -> str:
    """A new random key."""
    return secrets.token_hex(16)


def check_may_forget(made: bool) -> None:
    """Raises NotYours unless the client made the analysis."""
    if not made:
        raise NotYours(
            "Only its maker, or a client with the server's token, can delete the analysis."
        )


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
    """Browsers send where a request comes from; other clients send neither header."""
    site = headers.get("sec-fetch-site")
    origin = headers.get("origin")
    if site is not None:
        foreign = site not in ("same-origin", "none")
    else:
        foreign = origin is not None and urlsplit(origin).netloc != headers.get("host")
    if foreign:
        raise CrossSite("This request was made by a page of another site.")


def _same(given: str, expected: str) -> bool:
    return hmac.compare_digest(given.encode(), expected.encode())
