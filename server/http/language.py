"""Translates every answer into the language of `?lang=` or Accept-Language.

Answers are made in English. For another language their sentences are replaced on the way out, so
that nothing inside, no cache and no stored result, depends on the language; the translated answer
has its own ETag.
"""

from __future__ import annotations

from urllib.parse import parse_qsl, urlencode

import orjson
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from fovea.server.language.answers import in_language
from fovea.server.language.translating import ENGLISH, LANGUAGES, preferred

PARAMETER = "lang"
JSON_TYPES = ("application/json", "application/problem+json")
EVENTS = "text/event-stream"
SMALL = 1 << 16
"""JSON up to this many bytes is translated at once; more is done off the event loop."""

NOT_SENTENCES = ("/openapi.json", "/vendor/")
"""JSON files of this server that are not answers: documents and tables."""


class Language:
    """Translates the sentences of JSON and server-sent events."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        scope, language = _asked(scope)
        scope["state"] = {**scope.get("state", {}), "language": language}
        answer = _Answer(send, language, scope) if language != ENGLISH else _English(send)
        await self.app(scope, receive, answer)


def _asked(scope: Scope) -> tuple[Scope, str]:
    """The scope without the `lang` parameter, and the language."""
    pairs = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
    named = [value for name, value in pairs if name == PARAMETER]
    headers = Headers(scope=scope)
    if len(named) == 1 and named[0] in LANGUAGES:
        language = named[0]
        rest = [pair for pair in pairs if pair[0] != PARAMETER]
        scope = {**scope, "query_string": urlencode(rest).encode("latin-1")}
    else:  # an unknown language stays, and is refused like any invalid parameter
        language = preferred(headers.get("accept-language"))
        scope = {**scope}
    if language != ENGLISH and "if-none-match" in headers:
        scope["headers"] = _tags_of(language, scope["headers"])
    return scope, language


def _tags_of(language: str, headers: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """If-None-Match with this language's tags only, converted to their English form."""
    end = f'-{language}"'
    found = []
    for name, value in headers:
        if name.lower() == b"if-none-match":
            tags = [tag.strip() for tag in value.decode("latin-1").split(",")]
            own = [f'{tag[: -len(end)]}"' for tag in tags if tag.endswith(end)]
            value = ", ".join(own or [tag for tag in tags if tag == "*"]).encode("latin-1")
        if value:
            found.append((name, value))
    return found


class _English:
    """Passes an answer on unchanged, with Vary for caches."""

    def __init__(self, send: Send) -> None:
        self.send = send

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            _vary(MutableHeaders(scope=message), ENGLISH)
        await self.send(message)


class _Answer:
    """Collects a JSON answer until it is complete and translates it."""

    def __init__(self, send: Send, language: str, scope: Scope) -> None:
        self.send, self.language, self.scope = send, language, scope
        self.media = ""
        self.start: Message = {}
        self.body: list[bytes] = []

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            self.media = headers.get("content-type", "").split(";")[0]
            if tag := headers.get("etag"):
                headers["etag"] = f'{tag[:-1]}-{self.language}"'
            _vary(headers, self.language)
            # Only files of the page are compressed, and they contain no sentence of the server.
            if self._is_json() and "content-encoding" not in headers:
                self.start = message
                return
            await self.send(message)
        elif self.start:
            self.body.append(message.get("body", b""))
            if not message.get("more_body"):
                await self._translated()
        elif self.media == EVENTS and message.get("body"):
            await self.send({**message, "body": _event(message["body"], self.language)})
        else:
            await self.send(message)

    def _is_json(self) -> bool:
        path = str(self.scope["path"])
        return self.media in JSON_TYPES and not any(one in path for one in NOT_SENTENCES)

    async def _translated(self) -> None:
        whole = b"".join(self.body)
        headers = MutableHeaders(scope=self.start)
        if len(whole) > SMALL:
            from fovea.server.engine import pools  # Here, as Ray's proxies have no torch.

            whole = await pools.run(pools.ANSWERS, _translate, whole, self.language)
        else:
            whole = _translate(whole, self.language)
        if "content-length" in headers:
            headers["content-length"] = str(len(whole))
        if not whole:  # HEAD: the length of GET's answer is unknown
            del headers["content-length"]
        await self.send(self.start)
        await self.send({"type": "http.response.body", "body": whole})


def _translate(body: bytes, language: str) -> bytes:
    return orjson.dumps(in_language(orjson.loads(body), language)) if body else body


def _event(chunk: bytes, language: str) -> bytes:
    """Translates the sentences in an event's data."""
    lines = chunk.decode().split("\n")
    said = [
        f"data: {_translate(line[6:].encode(), language).decode()}"
        if line.startswith("data: {")
        else line
        for line in lines
    ]
    return "\n".join(said).encode()


def _vary(headers: MutableHeaders, language: str) -> None:
    media = headers.get("content-type", "").split(";")[0]
    if media in JSON_TYPES or media == EVENTS:
        headers.add_vary_header("Accept-Language")
        headers["content-language"] = language
