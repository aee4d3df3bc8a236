"""Redaction: what is a credential, and what stays as it is."""

from __future__ import annotations

import pytest

from ssewire.logs import Head, RequestHead, ResponseHead
from ssewire.logs.redaction import redact, redact_headers, redact_url


@pytest.mark.parametrize(
    "name",
    [
        "Authorization",
        "proxy-authorization",
        "Cookie",
        "Set-Cookie",
        "x-api-key",
        "API-Key",
        "X-Goog-Api-Key",
        "Ocp-Apim-Subscription-Key",
        "X-Auth-Token",
        "X-Amz-Security-Token",
        "x-csrf-token",
        "X-Client-Secret",
        "X-JWT-Assertion",
        "CF-Access-Jwt",
        "x-auth",
        "OpenAI-Session",
    ],
)
def test_headers_that_hold_credentials_are_redacted(name: str) -> None:
    assert redact_headers([(name, "value")]) == ((name, "REDACTED"),)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("content-type", "text/event-stream"),
        ("x-ratelimit-remaining-tokens", "149984"),
        ("x-request-id", "req_0123456789abcdef0123456789abcdef"),
        ("openai-version", "2020-10-01"),
        ("accept-language", "sk-SK,sk;q=0.9"),
        ("keep-alive", "timeout=5"),
        ("location", "https://example.com/elsewhere?page=2"),
        ("x-note", "task-0123456789abcdef01234567"),
    ],
)
def test_other_headers_stay(name: str, value: str) -> None:
    assert redact_headers([(name, value)]) == ((name, value),)


@pytest.mark.parametrize(
    "value", ["Bearer abc", "basic dTpw", "sk-proj-0123456789abcdef", "key=sk-0123456789abcdef"]
)
def test_values_that_look_like_credentials_are_redacted_under_any_name(value: str) -> None:
    assert redact_headers([("x-thing", value)]) == (("x-thing", "REDACTED"),)


@pytest.mark.parametrize(
    ("url", "redacted"),
    [
        ("https://h/p?api-version=2024&api-key=abc", "https://h/p?api-version=2024&api-key=REDACTED"),
        ("https://h/p?key=abc&alt=sse", "https://h/p?key=REDACTED&alt=sse"),
        ("https://h/p?accessToken=abc", "https://h/p?accessToken=REDACTED"),
        ("https://h/p?X-Amz-Signature=abc&n=1", "https://h/p?X-Amz-Signature=REDACTED&n=1"),
        ("https://h/p?a%70i_key=abc", "https://h/p?a%70i_key=REDACTED"),
        ("https://h/p?q=Bearer+abc", "https://h/p?q=REDACTED"),
        ("https://me:secret@h:8080/p", "https://REDACTED@h:8080/p"),
        ("https://me:s@cret@h/p", "https://REDACTED@h/p"),
        ("https://h/p#access_token=abc", "https://h/p#access_token=REDACTED"),
        ("https://h/p?max_tokens=5&flag&q=%20x#part", "https://h/p?max_tokens=5&flag&q=%20x#part"),
        ("https://h/p?key", "https://h/p?key"),
        ("https://[h/p?key=abc", "REDACTED"),
    ],
)
def test_urls_keep_all_but_credentials(url: str, redacted: str) -> None:
    assert redact_url(url) == redacted


def test_a_header_with_a_url_is_redacted_in_it() -> None:
    assert redact_headers([("location", "https://h/p?token=abc")]) == (
        ("location", "https://h/p?token=REDACTED"),
    )


def test_both_sides_of_a_head_are_redacted() -> None:
    head = Head(
        RequestHead("GET", "https://h/?key=abc", (("Cookie", "a=b"),), b"body"),
        ResponseHead(200, (("Set-Cookie", "a=b"), ("date", "now")), "HTTP/2"),
        "then",
    )
    assert redact(head) == Head(
        RequestHead("GET", "https://h/?key=REDACTED", (("Cookie", "REDACTED"),), b"body"),
        ResponseHead(200, (("Set-Cookie", "REDACTED"), ("date", "now")), "HTTP/2"),
        "then",
    )
    assert redact(Head()) == Head()
