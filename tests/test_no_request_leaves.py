"""A request that was not captured never leaves: something listens where it would go, and nobody connects."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from typing import TYPE_CHECKING, Any

import httpx
import httpx2
import openai
import pytest
from pydantic_ai.messages import ModelRequest
from pydantic_ai.models import ModelRequestParameters, override_allow_model_requests
from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel
from pydantic_ai.providers.openai import OpenAIProvider

from ssewire import NoCaptureError, logs
from ssewire.testing import make_chat_body

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

both = pytest.mark.parametrize("module", [httpx, httpx2], ids=["httpx", "httpx2"])
BODY = make_chat_body(text="captured")
CAPTURED = logs.Capture(
    logs.Head(logs.RequestHead("POST", "https://captured.example/v1/chat/completions")), [(0.0, BODY)]
)


class Listener:
    """A socket on the loopback interface, and whether somebody has connected to it."""

    def __init__(self, listening: socket.socket) -> None:
        self._listening = listening
        self.url = f"http://127.0.0.1:{listening.getsockname()[1]}/v1"

    def was_called(self) -> bool:
        """Whether somebody has connected: the system accepts for a socket that listens."""
        with contextlib.suppress(BlockingIOError):
            self._listening.accept()[0].close()
            return True
        return False


@pytest.fixture
def listener() -> Iterator[Listener]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.setblocking(False)
        yield Listener(listening)


def ask(make: Callable[..., Any], url: str, *, awaited: bool) -> Any:
    """Ask with a client, sync or async, that is made with these options."""

    async def wait() -> Any:
        async with make() as client:
            return await client.post(f"{url}/chat/completions", json={"model": "example-1"})

    if awaited:
        return asyncio.run(wait())
    with make() as client:
        return client.post(f"{url}/chat/completions", json={"model": "example-1"})


def client_class(module: Any, awaited: bool) -> Any:
    return module.AsyncClient if awaited else module.Client


@both
@pytest.mark.parametrize("awaited", [False, True])
@pytest.mark.parametrize("captures", [[], [CAPTURED]])
def test_the_transport_refuses_what_was_not_captured(
    listener: Listener, module: Any, awaited: bool, captures: list[logs.Capture]
) -> None:
    def make() -> Any:
        return client_class(module, awaited)(transport=logs.transport(captures, module))

    with pytest.raises(NoCaptureError, match=r"no capture answers POST http://127\.0\.0\.1"):
        ask(make, listener.url, awaited=awaited)
    assert not listener.was_called()


@both
@pytest.mark.parametrize("awaited", [False, True])
def test_the_client_of_the_fixture_has_no_network(
    listener: Listener, module: Any, awaited: bool, ssewire_client: Callable[..., Any]
) -> None:
    def make() -> Any:
        return ssewire_client(BODY, client=client_class(module, awaited))

    assert ask(make, listener.url, awaited=awaited).content == BODY
    assert not listener.was_called()


@both
@pytest.mark.parametrize("awaited", [False, True])
def test_without_them_the_request_would_have_left(listener: Listener, module: Any, awaited: bool) -> None:
    def make() -> Any:
        return client_class(module, awaited)(trust_env=False, timeout=0.2)

    with pytest.raises(module.TimeoutException):
        ask(make, listener.url, awaited=awaited)
    assert listener.was_called()


async def ask_their_model(model_class: Any, http: httpx2.AsyncClient, url: str) -> None:
    """Let pydantic-ai ask for a stream."""
    async with http:
        client = openai.AsyncOpenAI(api_key="none", base_url=url, http_client=http, max_retries=0)
        model = model_class("example-1", provider=OpenAIProvider(openai_client=client))
        request = [ModelRequest.user_text_prompt("Hello")]
        async with model.request_stream(request, None, ModelRequestParameters()):
            pass


@pytest.mark.parametrize("model_class", [OpenAIChatModel, OpenAIResponsesModel])
def test_the_transport_stops_the_models_of_pydantic_ai_as_their_own_switch_does(
    listener: Listener, model_class: Any
) -> None:
    refusing = httpx2.AsyncClient(transport=logs.transport([CAPTURED], httpx2))
    with pytest.raises(NoCaptureError, match="no capture answers"):
        asyncio.run(ask_their_model(model_class, refusing, listener.url))
    assert not listener.was_called()
    with override_allow_model_requests(False), pytest.raises(RuntimeError, match="ALLOW_MODEL_REQUESTS"):
        asyncio.run(ask_their_model(model_class, httpx2.AsyncClient(), listener.url))
    assert not listener.was_called()
