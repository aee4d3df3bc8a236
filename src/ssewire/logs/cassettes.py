"""A cassette of vcrpy goes in, in YAML or JSON; the responses in it come out as captures.

Two layouts are in use: `status`, `headers` and `body.string`, and that of httpx requests recorded by older
versions, `status_code`, `headers`, `http_version` and `content`. Neither holds times or cuttings.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, Final

import msgspec

from ssewire.errors import CaptureError, ForeignFileError
from ssewire.logs.capture import RequestHead, ResponseHead
from ssewire.logs.foreign import capture_of, is_stream, pairs_of, read_whole, text_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ssewire.logs.capture import Capture
    from ssewire.logs.foreign import Report

UNKNOWN: Final = ("times", "reads", "end")
_LIST: Final = b"interactions"
MAX_DEPTH: Final = 100
"""How deep a cassette may be nested; the layouts need six levels, and parsed bodies a few more."""


def read_cassette(blocks: Iterable[bytes], name: str, *, every: bool, report: Report) -> Iterator[Capture]:
    """The captures in a cassette.

    Args:
        blocks: Its content.
        name: What it is called in messages.
        every: Give also the responses that are no event streams.
        report: Called with a line of text for each interaction that cannot be read.

    Raises, while iterating:
        ForeignFileError: It is no cassette.
        CaptureError: It is one that cannot be read.
        ImportError: It is YAML, and the extra is not installed.
    """
    content = _parsed(read_whole(blocks, name), name)
    if isinstance(content, list) and content and isinstance(content[0], dict) and "request" in content[0]:
        raise CaptureError(f"{name} was recorded by a vcrpy before 1.0, whose layout is not known here")
    interactions = content.get("interactions") if isinstance(content, dict) else None
    if not isinstance(interactions, list):
        raise ForeignFileError(f"{name} is no cassette: it has no list of interactions")
    for number, interaction in enumerate(interactions, 1):
        try:
            request, response, body = _exchange(interaction)
            if every or is_stream(request, response, body):
                yield capture_of(request, response, body, origin="vcr", unknown=UNKNOWN)
        except CaptureError as error:
            report(f"{name}, interaction {number}: {error}")
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
            report(f"{name}, interaction {number}: not as it should be: {error!r}")


def _parsed(content: bytes, name: str) -> Any:
    if content.lstrip()[:1] == b"{":
        try:
            return msgspec.json.decode(content)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            pass  # YAML may begin in this way, too
    try:
        import yaml
    except ImportError as error:
        if _LIST not in content:
            raise ForeignFileError(f"{name} is no cassette: it has no list of interactions") from error
        raise ImportError("reading cassettes in YAML needs an extra: pip install 'ssewire[yaml]'") from error
    loader = _without_merging(getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    depth = 0
    try:
        # The fast loader recurses without a bound, so that deep nesting would end the process.
        for event in yaml.parse(content, loader):
            if isinstance(event, (yaml.CollectionStartEvent, yaml.CollectionEndEvent)):
                depth += 1 if isinstance(event, yaml.CollectionStartEvent) else -1
            if depth > MAX_DEPTH:
                raise CaptureError(f"{name} is no cassette: it is nested more than {MAX_DEPTH} levels deep")
        return loader(content).get_single_data()
    except (yaml.YAMLError, RecursionError, ValueError, LookupError, AttributeError, TypeError) as error:
        # The last four are what its constructors raise for a text that does not fit its tag (`!!bool a`).
        problem = f"{name} is no YAML that can be read: {' '.join(str(error).split())}"
        raise (CaptureError if _LIST in content else ForeignFileError)(problem) from error


@functools.cache
def _without_merging(loader: Any) -> Any:
    """A loader that refuses `<<`: mappings that are merged again and again grow without a bound."""
    return type("_Loader", (loader,), {"flatten_mapping": lambda *_: None})


def _exchange(interaction: Any) -> tuple[RequestHead, ResponseHead, bytes]:
    asked, answer = interaction["request"], interaction["response"]
    posted = asked.get("body")
    request = RequestHead(
        text_of(asked["method"]),
        text_of(asked["uri"]),
        pairs_of(asked.get("headers")),
        _bytes_of(posted) if isinstance(posted, (str, bytes)) else None,
    )
    if "status_code" in answer:
        version = answer.get("http_version")
        status, body = answer["status_code"], answer["content"]
    else:
        version = answer.get("protocol")
        status, body = answer["status"]["code"], answer["body"]["string"]
    response = ResponseHead(int(status), pairs_of(answer.get("headers")), version and text_of(version))
    if body is not None and not isinstance(body, (str, bytes)):
        raise CaptureError(f"its body is neither text nor bytes, but {type(body).__name__}")
    return request, response, _bytes_of(body or b"")


def _bytes_of(value: str | bytes) -> bytes:
    return value if isinstance(value, bytes) else value.encode(errors="replace")
