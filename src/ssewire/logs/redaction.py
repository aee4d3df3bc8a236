"""Heads with credentials go in; the same heads with `REDACTED` in their places come out."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote_plus, urlsplit, urlunsplit

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ssewire.logs.capture import Head, Headers

REDACTED: Final = "REDACTED"

_SECRET_NAME: Final = re.compile(
    # `x-ratelimit-remaining-tokens` is none, and ends with an s.
    r"(auth|authorization|key|token|sig|session|sessionid|pwd|sid)$"
    r"|apikey|authoriz|cookie|credential|jwt|passphrase|passw|secret|signature|accesskey|subscriptionkey"
)
"""Names of headers and of query parameters, lower case and letters only, whose values are credentials."""
_SECRET_VALUE: Final = re.compile(
    r"^\s*(basic|bearer|digest|negotiate)\s+\S|\b(sk|pk|rk|xox[abp])-[\w-]{16}", re.IGNORECASE
)
"""Values that are credentials under any name."""


def redact(head: Head) -> Head:
    """Take the credentials out of a head: header values, query values, and user and password of the URL."""
    request, response = head.request, head.response
    if request is not None:
        request = msgspec.structs.replace(
            request, url=redact_url(request.url), headers=redact_headers(request.headers)
        )
    if response is not None:
        response = msgspec.structs.replace(response, headers=redact_headers(response.headers))
    return msgspec.structs.replace(head, request=request, response=response)


def redact_headers(headers: Iterable[tuple[str, str]]) -> Headers:
    """Headers without credentials; a header that holds a URL, such as `Location`, keeps its host and path."""
    return tuple((name, _redact_value(name, value)) for name, value in headers)


def redact_url(url: str) -> str:
    """A URL without credentials; what is no credential stays as it is written."""
    try:
        parts = urlsplit(url)
    except ValueError:  # such as a bracket that is not closed
        return REDACTED
    host = parts.netloc
    if "@" in host:
        host = f"{REDACTED}@{host.rpartition('@')[2]}"
    fragment = _redact_query(parts.fragment) if "=" in parts.fragment else parts.fragment
    if host == parts.netloc and fragment == parts.fragment and _redact_query(parts.query) == parts.query:
        return url
    return urlunsplit((parts.scheme, host, parts.path, _redact_query(parts.query), fragment))


def _redact_value(name: str, value: str) -> str:
    if _is_secret(name, value):
        return REDACTED
    return redact_url(value) if "://" in value else value


def _redact_query(query: str) -> str:
    pairs = (each.partition("=") for each in query.split("&"))
    return "&".join(
        f"{name}={REDACTED}"
        if equals and _is_secret(unquote_plus(name), unquote_plus(value))
        else name + equals + value
        for name, equals, value in pairs
    )


def _is_secret(name: str, value: str) -> bool:
    letters = re.sub(r"[^a-z]", "", name.lower())
    return bool(_SECRET_NAME.search(letters) or _SECRET_VALUE.search(value))
