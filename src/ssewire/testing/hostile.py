"""A well-meant stream goes in, the same with what no server should send comes out."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from ssewire.testing.writer import MALFORMED

if TYPE_CHECKING:
    from ssewire.testing.cases import StreamCase
    from ssewire.testing.decisions import Decisions

DEEP: Final = 20_000

PAYLOADS: Final = (
    *MALFORMED,
    b'{"choices":[{"index":0,"delta":{"content":"x"}}]}{"choices":[]}',
    b'{"choices":[{"index":0,"delta":{"content":"\xff\xc0\x80\xed\xa0\x80"}}]}',
    b'{"choices":[{"index":0,"delta":{"content":"\\ud83d"}}]}',
    b'{"choices":[{"index":0,"text":"\\ude00"}]}',
    b'{"choices":[{"index":NaN,"delta":{"content":"x"}}]}',
    b'{"choices":[{"index":-1,"delta":{"content":"x"},"finish_reason":"stop"}]}',
    b'{"choices":[{"index":99999999999999999999999,"delta":{"content":"x"}}]}',
    b'{"choices":[{"index":9223372036854775807,"delta":{"content":"x","tool_calls":[{"index":-5}]}}]}',
    b'{"choices":{"index":0},"id":[],"usage":"none"}',
    b'{"choices":[{"delta":{"tool_calls":[{"index":0,"id":"a","function":{"arguments":{"deep":[1e999]}}}]}}]}',
    b'{"choices":[],"choices":[{"index":0,"delta":{"content":"twice"}}],"id":"a","id":"b"}',
    b'{"created":' + b"9" * 5000 + b"}",
    b'{"created":1e400}',
    b"[" * DEEP,
    b'{"error":' + b"[" * DEEP + b"]" * DEEP + b"}",
    b'{"error":null,"choices":null}',
    b'{"error":{}}',
    b'{"error":{"message":{"not":"text"},"code":[1],"status":true}}',
    b'{"type":"response.completed"}',
    b'{"type":"response.completed","response":3}',
    b'{"type":"response.completed","response":{"output":[{"type":"message","content":"text"}]}}',
    b'{"type":"response.output_text.delta","output_index":7,"content_index":-3,"delta":"\\ud83d"}',
    b'{"type":"response.output_text.delta","output_index":0,"content_index":1000000000,"delta":5}',
    b'{"type":"response.output_item.added","output_index":0,"item":{"type":"message","content":null}}',
    b'{"type":"response.output_item.done","output_index":0,"item":{"type":"next_year","a":NaN}}',
    b'{"type":"response.function_call_arguments.delta","output_index":0,"delta":"{"}',
    b'{"type":"response.created","sequence_number":-4,"response":{"model":"\xff"}}',
    b'{"type":["response.created"]}',
    b'{"type":"error","error":"text"}',
    b'{"type":"response.failed"}',
    b'{"\\u0000":"\\u0000"}',
    b'\xef\xbb\xbf{"choices":[]}',
    b"\0",
    b"\xff\xfe",
    b"-",
    b"[DONE",
    b"[done]",
    b" [DONE] \x0b",
)
"""Data that no server should send, of all dialects: a proxy may mix them."""

LINES: Final = (
    b"\xef\xbb\xbf",
    b"data\n\n",
    b"\r\r",
    b"\n\r\n",
    b"id: a\0b\n",
    b"event: error\n",
    b"event:\n\n",
    b"event: \xff\n",
    b"error: {}\n",
    b'error: {"message":"lifted"}\n',
    b"error\n\n",
    b"retry: 99999999999999999999\n",
    b'{"error":{"message":"bare"}}\n',
    b"HTTP/1.1 200 OK\r\n\r\n",
    b" data: {}\n\n",
    b"data : {}\n\n",
    b": \xff\xfe\0\n",
)
"""Lines that no server should send."""


def with_hostility(case: StreamCase, decisions: Decisions) -> StreamCase:
    """A case with what no server should send put into it; it does not say any more what it means.

    Payloads and lines come in between, bytes go or are others, parts come twice, or the body ends early.
    """
    body = case.body
    for _ in range(1 + decisions.below(4)):
        body = _worse(body, decisions)
    return replace(case, body=body, payloads=None, answer=None, verdict=None, error=None, hostile=True)


def _worse(body: bytes, decisions: Decisions) -> bytes:
    way = decisions.below(8)
    if way < 3:
        # Between events, where it is understood as what it is.
        ends = [at + 2 for at in range(len(body)) if body[at : at + 2] in (b"\n\n", b"\r\r")]
        at = [0, *ends][decisions.below(1 + len(ends))]
        return body[:at] + b"data: " + PAYLOADS[decisions.below(len(PAYLOADS))] + b"\n\n" + body[at:]
    start = decisions.below(len(body) + 1)
    end = min(len(body), start + decisions.below(40))
    if way == 3:
        return body[:start] + LINES[decisions.below(len(LINES))] + body[start:]
    if way == 4:
        return body[:start] + body[end:]
    if way == 5:
        return body[:end] + body[start:]
    if way == 6:
        return body[:start] + bytes([decisions.below(256)]) + body[start + 1 :]
    return body[:start]
