"""The chat types: field for field the API's, what is always encoded, and final objects that others accept."""

import json
from typing import Any

import jsonschema
import msgspec
import pydantic
import pytest
from msgspec import inspect
from openai.types.chat import ChatCompletion as OpenAIChatCompletion

from shared import CHAT_BODIES, TESTS, Body, published_additions, published_examples, published_schemas, run
from ssewire import ChatParser, chat
from ssewire._json import PayloadDecoder

FIELDS: dict[str, dict[str, list[str]]] = json.loads((TESTS / "chat_fields.json").read_text())
TYPES: dict[str, type[msgspec.Struct]] = {name: getattr(chat, name) for name in FIELDS}
# What a stream sends. All the others make up the final object.
SENT = {
    "ChatCompletionChunk",
    "ChunkChoice",
    "Delta",
    "ToolCallDelta",
    "FunctionDelta",
    "CustomDelta",
    "AudioDelta",
    "ContentPart",
}
named = pytest.mark.parametrize("name", FIELDS)


@named
def test_a_type_has_the_fields_of_the_api_and_the_declared_extensions(name: str) -> None:
    facts = FIELDS[name]
    found = [field.encode_name for field in msgspec.structs.fields(TYPES[name])]
    assert sorted(found) == sorted(facts["required"] + facts["optional"] + facts["extensions"])


def test_every_type_is_listed() -> None:
    structs = {
        name
        for name in chat.__all__
        if isinstance(getattr(chat, name), type) and issubclass(getattr(chat, name), msgspec.Struct)
    }
    assert structs == FIELDS.keys()


@named
def test_every_field_may_be_missing(name: str) -> None:
    assert PayloadDecoder(TYPES[name]).decode(b"{}") == (TYPES[name](), [])


@named
def test_what_is_required_is_always_encoded_and_nothing_else_is(name: str) -> None:
    encoded = json.loads(msgspec.json.encode(TYPES[name]()))
    assert set(encoded) == (set() if name in SENT else set(FIELDS[name]["required"]))


@named
def test_what_was_sent_as_null_is_encoded_where_it_is_required_only(name: str) -> None:
    nullable = [field.encode_name for field in inspected(name).fields if accepts_null(field.type)]
    built = msgspec.json.decode(json.dumps(dict.fromkeys(nullable)), type=TYPES[name])
    assert built == TYPES[name]()
    assert msgspec.json.encode(built) == msgspec.json.encode(TYPES[name]())


@named
def test_a_type_is_frozen_and_hides_nothing(name: str) -> None:
    assert inspected(name).cls.__struct_config__.frozen
    assert inspected(name).cls.__doc__
    assert "Unset" not in repr(inspected(name))


def inspected(name: str) -> inspect.StructType:
    info = inspect.type_info(TYPES[name])
    assert isinstance(info, inspect.StructType)
    return info


def members(info: inspect.Type) -> tuple[inspect.Type, ...]:
    return info.types if isinstance(info, inspect.UnionType) else (info,)


def accepts_null(info: inspect.Type) -> bool:
    return any(isinstance(each, (inspect.NoneType, inspect.AnyType)) for each in members(info))


# -- against the published schemas -----------------------------------------------------------------------

# A schema, or a way through a schema's fields. Of several, what all require is required.
PUBLISHED: dict[str, list[str]] = {
    "ChatCompletionChunk": ["CreateChatCompletionStreamResponse"],
    "ChunkChoice": ["CreateChatCompletionStreamResponse.choices"],
    "Delta": ["ChatCompletionStreamResponseDelta"],
    "ToolCallDelta": ["ChatCompletionMessageToolCallChunk"],
    "FunctionDelta": [
        "ChatCompletionMessageToolCallChunk.function",
        "ChatCompletionStreamResponseDelta.function_call",
    ],
    "AudioDelta": ["ChatCompletionStreamResponseDelta.audio"],
    "ChatCompletion": ["CreateChatCompletionResponse"],
    "Choice": ["CreateChatCompletionResponse.choices"],
    "Message": ["ChatCompletionResponseMessage"],
    "ToolCall": ["ChatCompletionMessageToolCall", "ChatCompletionMessageCustomToolCall"],
    "Function": ["ChatCompletionMessageToolCall.function", "ChatCompletionResponseMessage.function_call"],
    "Custom": ["ChatCompletionMessageCustomToolCall.custom"],
    "Audio": ["ChatCompletionResponseMessage.audio"],
    "ChoiceLogprobs": ["CreateChatCompletionResponse.choices.logprobs"],
    "TokenLogprob": ["ChatCompletionTokenLogprob"],
    "TopLogprob": ["ChatCompletionTokenLogprob.top_logprobs"],
    "CompletionUsage": ["CompletionUsage"],
    "CompletionTokensDetails": ["CompletionUsage.completion_tokens_details"],
    "PromptTokensDetails": ["CompletionUsage.prompt_tokens_details"],
    "ChatCompletionModeration": ["ChatCompletionModeration"],
    "ModerationOutcome": ["ChatCompletionModerationResults", "ChatCompletionModerationError"],
}
# A stored completion has its request's metadata; no chunk carries any.
NOT_STREAMED = {("ChatCompletion", "metadata")}

KINDS: dict[type[inspect.Type], str] = {
    inspect.StrType: "string",
    inspect.IntType: "integer",
    inspect.FloatType: "number",
    inspect.BoolType: "boolean",
    inspect.ListType: "array",
    inspect.StructType: "object",
}


def published_fields(name: str) -> tuple[dict[str, Any], set[str]]:
    """The fields that a type has by the published schemas, and which of them are required."""
    objects = published_schemas()["index"]["objects"]
    additions = published_additions()["fields"]
    fields: dict[str, Any] = {}
    required: list[set[str]] = []
    for way in PUBLISHED[name]:
        schema, *steps = way.split(".")
        found = objects[schema] | additions.get(schema, {})
        for step in steps:
            found = found[step]["fields"]
        fields |= found
        required.append({field for field, facts in found.items() if facts["required"]})
    return fields, set.intersection(*required)


def kind_of(expression: str) -> str:
    """The kind of JSON value of a type expression: a name of a schema is an object, or a list of objects."""
    if expression in ("string", "integer", "number", "boolean"):
        return expression
    return "array" if expression.startswith("array<") or expression.endswith("ToolCalls") else "object"


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_listed_fields_are_those_of_the_published_schemas(name: str) -> None:
    fields, required = published_fields(name)
    skipped = {field for type_name, field in NOT_STREAMED if type_name == name}
    assert set(FIELDS[name]["required"]) == required
    assert set(FIELDS[name]["optional"]) == set(fields) - required - skipped
    assert not set(FIELDS[name]["extensions"]) & set(fields)


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_fields_hold_the_kind_of_value_that_is_published(name: str) -> None:
    fields, _ = published_fields(name)
    for field in inspected(name).fields:
        if field.encode_name not in fields:
            continue
        facts = fields[field.encode_name]
        found = {KINDS.get(type(each)) for each in members(field.type)}
        expected = (
            {"string"} if facts["type"] == "ServiceTier" else set(map(kind_of, facts["type"].split(" | ")))
        )
        assert expected <= found, field.name
        assert not facts["nullable"] or accepts_null(field.type), field.name


def test_the_published_chunks_are_read_strictly() -> None:
    examples = published_examples()
    chunks = list(examples["objects"]["CreateChatCompletionStreamResponse"]["values"])
    for stream in examples["streams"]:
        if stream["operation"] == "POST /chat/completions":
            chunks += [event["data"] for event in stream["events"] if isinstance(event.get("data"), dict)]
    chunks = [sent for sent in chunks if sent != {"elided": True}]  # where the document prints dots
    assert len(chunks) >= 5
    for sent in chunks:
        check_comes_back(chat.ChatCompletionChunk, sent)


def test_the_published_completions_are_read_strictly() -> None:
    examples = published_examples()
    completions = [examples["objects"]["CreateChatCompletionResponse"]["value"]]
    completions += [
        final["value"] for final in examples["finals"] if final["operation"] == "POST /chat/completions"
    ]
    assert len(completions) == 5
    for sent in completions:
        check_comes_back(chat.ChatCompletion, sent)


def check_comes_back(kind: type[msgspec.Struct], sent: Any) -> None:
    """What was sent is read without repairs, and encoded again; null and nothing are the same."""
    built, repairs = PayloadDecoder(kind).decode(json.dumps(sent).encode())
    assert repairs == []
    assert without_nulls(json.loads(msgspec.json.encode(built))) == without_nulls(sent)


def without_nulls(value: Any) -> Any:
    match value:
        case dict():
            return {key: without_nulls(each) for key, each in value.items() if each is not None}
        case list():
            return [without_nulls(each) for each in value]
        case _:
            return value


# -- final objects of whole streams ----------------------------------------------------------------------

NO_CREATED = "the server sent no creation time, or 0"
NO_REASON = "the server sent no finish reason"
OTHER_TIER = "a service tier of the provider's own"
FLAT_CITATIONS = "citations of the provider's own shape"
NO_NUMBER = "log probabilities that are no numbers"

# Where the object of a whole stream is not what is published, and why.
EXCEPTIONS: dict[str, dict[str, str]] = {
    "chat/annotations.sse": {"choices.message.annotations": FLAT_CITATIONS},
    "chat/drift-numbers.sse": {"choices.logprobs": NO_NUMBER},
    "chat/no-finish.sse": {"choices.finish_reason": NO_REASON},
    "chat/only-done.sse": {"created": NO_CREATED},
    "chat-ai21-jamba1.5mini-text.sse": {"created": NO_CREATED},
    "chat-copilot-gpt4o-toolcalls.sse": {"created": NO_CREATED},
    "chat-deepseek-deepseekv4flash-length.sse": {"created": NO_CREATED},
    "chat-doubleword-qwen3.59b-reasoning-length.sse": {"created": NO_CREATED},
    "chat-groq-llama3.370bversatile-toolcalls.sse": {"created": NO_CREATED, "service_tier": OTHER_TIER},
    "chat-huggingface-kimik2instruct0905-paralleltools.sse": {"service_tier": OTHER_TIER},
    "chat-huggingface-kimik2instruct0905-toolcalls.sse": {"service_tier": OTHER_TIER},
    "chat-huggingface-llama3.18binstruct-text.sse": {"created": NO_CREATED},
    "chat-litellm-gpt3.5turbo-nchoices.sse": {"choices.finish_reason": NO_REASON},
    "chat-llamacpp-qwen31.7bq4km.gguf-text.sse": {"created": NO_CREATED},
    "chat-mistral-ministral3blatest-length.sse": {"created": NO_CREATED},
    "chat-mistralrs-qwen34b-reasoning.sse": {"created": NO_CREATED},
    "chat-openai-gpt5nano-length.sse": {"created": NO_CREATED},
    "chat-openai-gptaudio-audio.sse": {"choices.finish_reason": NO_REASON},
    "chat-openrouter-claudehaiku4.5-text.sse": {"created": NO_CREATED},
    "chat-perplexity-sonar-text-4.sse": {"created": NO_CREATED},
    "chat-snowflake-claudesonnet46-logprobs.sse": {
        "created": NO_CREATED,
        "choices.finish_reason": NO_REASON,
    },
    "chat-venice-qwen359b-text.sse": {"created": NO_CREATED},
    "chat-xiaomi-mimov2.5-annotations.sse": {"choices.message.annotations": FLAT_CITATIONS},
}
WHOLE = ("complete", "no_done", "no_finish")
whole_bodies = pytest.mark.parametrize(
    "body",
    [body for body in CHAT_BODIES if body.expected["verdict"] in WHOLE],
    ids=lambda body: body.name,
)


def final_object(body: Body) -> Any:
    parser = ChatParser(malformed="skip")
    run(parser, body.read())
    return json.loads(msgspec.json.encode(parser.result()))


def where(path: Any) -> str:
    """A path without the numbers in it, and without what lies inside of lists that a field holds."""
    names = [str(step) for step in path if not isinstance(step, int)]
    depth = next((at for at, name in enumerate(names, 1) if name in ("annotations", "logprobs")), len(names))
    return ".".join(names[:depth])


@whole_bodies
def test_the_object_of_a_whole_stream_is_valid_by_the_published_schema(body: Body) -> None:
    schema = {"$ref": "#/$defs/CreateChatCompletionResponse", "$defs": published_schemas()["$defs"]}
    faults = jsonschema.Draft202012Validator(schema).iter_errors(final_object(body))
    assert {where(fault.absolute_path) for fault in faults} == EXCEPTIONS.get(body.name, {}).keys()


@whole_bodies
def test_the_object_of_a_whole_stream_loads_in_the_openai_package(body: Body) -> None:
    sent = final_object(body)
    faults: set[str] = set()
    try:
        loaded = OpenAIChatCompletion.model_validate(sent)
    except pydantic.ValidationError as error:
        faults = {where(fault["loc"]) for fault in error.errors()}
    else:
        assert without_nulls(json.loads(loaded.to_json())) == without_nulls(sent)
    assert faults == EXCEPTIONS.get(body.name, {}).keys()


def test_every_exception_is_of_a_body() -> None:
    assert EXCEPTIONS.keys() <= {body.name for body in CHAT_BODIES}
