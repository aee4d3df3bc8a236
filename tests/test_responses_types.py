"""The types of the Responses API against its published schemas, its examples, and recorded streams."""

import json
import pickle
import re
from collections.abc import Iterator
from functools import cache
from typing import Any, get_args

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import inspect

from shared import captures_folder, published_additions, published_schemas, shared_folder
from ssewire import EventDecodeError, Tokenizer
from ssewire._json import PayloadDecoder
from ssewire.responses import calls, content, events, items, response, tagged
from ssewire.responses.events import EVENT_TYPES, KnownEvent
from ssewire.responses.items import FunctionCall, Message, OutputItem
from ssewire.responses.response import Response, read_response
from ssewire.responses.tagged import UnknownMember

SUBJECTS = {
    "response": ["created", "queued", "in_progress", "completed", "incomplete", "failed"],
    "response.output_item": ["added", "done"],
    "response.content_part": ["added", "done"],
    "response.output_text": ["delta", "done", "annotation.added"],
    "response.refusal": ["delta", "done"],
    "response.reasoning_text": ["delta", "done"],
    "response.reasoning_summary_part": ["added", "done"],
    "response.reasoning_summary_text": ["delta", "done"],
    "response.function_call_arguments": ["delta", "done"],
    "response.custom_tool_call_input": ["delta", "done"],
    "response.mcp_call_arguments": ["delta", "done"],
    "response.mcp_call": ["in_progress", "completed", "failed"],
    "response.mcp_list_tools": ["in_progress", "completed", "failed"],
    "response.code_interpreter_call": ["in_progress", "interpreting", "completed"],
    "response.code_interpreter_call_code": ["delta", "done"],
    "response.file_search_call": ["in_progress", "searching", "completed"],
    "response.web_search_call": ["in_progress", "searching", "completed"],
    "response.image_generation_call": ["in_progress", "generating", "completed", "partial_image"],
    "response.shell_call_command": ["added", "delta", "done"],
    "response.shell_call_output_content": ["delta", "done"],
    "response.apply_patch_call_operation_diff": ["delta", "done"],
    "response.audio": ["delta", "done", "transcript.delta", "transcript.done"],
    "response.compaction": ["compacting"],
}
WIRE_TYPES = [
    "error",
    "keepalive",
    *(f"{subject}.{what}" for subject, all_of in SUBJECTS.items() for what in all_of),
]

ITEM_TYPES = [
    "message",
    "reasoning",
    "function_call",
    "function_call_output",
    "custom_tool_call",
    "custom_tool_call_output",
    "mcp_call",
    "mcp_list_tools",
    "mcp_approval_request",
    "mcp_approval_response",
    "web_search_call",
    "file_search_call",
    "code_interpreter_call",
    "image_generation_call",
    "computer_call",
    "computer_call_output",
    "local_shell_call",
    "local_shell_call_output",
    "shell_call",
    "shell_call_output",
    "apply_patch_call",
    "apply_patch_call_output",
    "tool_search_call",
    "tool_search_output",
    "additional_tools",
    "program",
    "program_output",
    "compaction",
]

NUMBER = {"type": "integer", "required": True, "nullable": False}
TEXT = {"type": "string", "required": True, "nullable": False}
MAYBE_TEXT = {"type": "string", "required": False, "nullable": False}
MAYBE_NUMBER = {"type": "number", "required": False, "nullable": False}
SENT_EVENTS: dict[str, dict[str, Any]] = {
    "keepalive": {},
    "response.apply_patch_call_operation_diff.delta": {
        "item_id": TEXT,
        "output_index": NUMBER,
        "delta": TEXT,
    },
    "response.apply_patch_call_operation_diff.done": {"item_id": TEXT, "output_index": NUMBER, "diff": TEXT},
}
"""Events that are sent without being published, in the words of the schemas' index."""

SENT_FIELDS: dict[str, dict[str, Any]] = {
    "CustomToolCall": {"status": MAYBE_TEXT},
    "Response": {
        "content_filters": {"type": "array<any>", "required": False, "nullable": True},
        "frequency_penalty": MAYBE_NUMBER,
        "presence_penalty": MAYBE_NUMBER,
        "store": {"type": "boolean", "required": False, "nullable": False},
    },
    "ResponseLogProb": {"bytes": {"type": "array<integer>", "required": False, "nullable": False}},
}
"""Fields that are sent without being published."""

DELIBERATE = {
    # The API requires it, and the provider does not send it.
    "response.function_call_arguments.done.name",
    # One type serves the log probabilities of events and those of parts, which require more.
    *(
        f"response.output_text.{what}.logprobs.{name}"
        for what in ("delta", "done")
        for name in ("bytes", "top_logprobs", "top_logprobs.token", "top_logprobs.logprob")
    ),
}
"""Fields that are required here and not in the schema, or the other way round."""

STRUCTS: list[type[msgspec.Struct]] = [
    found
    for module in (tagged, content, calls, items, response, events)
    for name, found in vars(module).items()
    if isinstance(found, type) and issubclass(found, msgspec.Struct)
    if (found.__module__, found.__name__) == (module.__name__, name)
]


def camel(wire_type: str) -> str:
    words = re.split(r"[._]", wire_type.removeprefix("response."))
    return "".join(word.capitalize() for word in words)


@cache
def strict() -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(KnownEvent)


# -- the published schemas -------------------------------------------------------------------------------


class Published:
    """The published schemas with what the published client adds, by name."""

    def __init__(self) -> None:
        schemas, additions = published_schemas(), published_additions()
        self.defs: dict[str, Any] = schemas["$defs"]
        index = schemas["index"]
        self.unions: dict[str, Any] = index["unions"]
        self.objects: dict[str, dict[str, Any]] = dict(index["objects"])
        self.objects["ResponseError"] = {"code": TEXT, "message": TEXT}  # behind an `anyOf` with null
        for name, fields in (*additions["fields"].items(), *SENT_FIELDS.items()):
            if name in self.objects:
                self.objects[name] = {**self.objects[name], **fields}
        usage = self.objects["ResponseUsage"]
        details = usage["input_tokens_details"]
        more = additions["fields"]["ResponseUsage.input_tokens_details"]
        usage["input_tokens_details"] = {**details, "fields": {**details["fields"], **more}}
        self.events: dict[str, dict[str, Any]] = {
            **{tag: self._at(pointer) for tag, pointer in index["events"]["responses"].items()},
            **additions["union_members"]["ResponseStreamEvent"],
        }
        for tag, fields in SENT_EVENTS.items():
            self.events[tag] = {"type": {**TEXT, "const": tag}, "sequence_number": NUMBER, **fields}
        for tag, fields in self.events.items():
            if tag.endswith(".delta"):
                self.events[tag] = {**fields, "obfuscation": MAYBE_TEXT}
        self.items: dict[str, dict[str, Any]] = self.members("OutputItem")

    def members(self, union: str) -> dict[str, dict[str, Any]]:
        pointers = self.unions[union]["members"]
        return {tag: self._at(pointer) for tag, pointer in pointers.items()}

    def _at(self, pointer: str) -> dict[str, Any]:
        return self.objects[pointer.rsplit("/", maxsplit=1)[-1]]

    def shapes(self, spec: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """The objects that a field may hold, at any depth of lists."""
        if "fields" in spec:
            yield spec["fields"]
        for variant in spec.get("variants", ()):
            yield variant["fields"]
        for name in re.findall(r"[A-Z]\w+", spec["type"]):
            if name in self.objects:
                yield self.objects[name]
            elif name in self.unions:
                yield from self.members(name).values()
            elif self.defs[name].get("type") == "array":
                yield from self.shapes({"type": self.defs[name]["items"]["$ref"].split("/")[-1]})


@cache
def published() -> Published:
    return Published()


def structs_in(info: inspect.Type) -> list[inspect.StructType]:
    match info:
        case inspect.UnionType():
            return [found for member in info.types for found in structs_in(member)]
        case inspect.ListType():
            return structs_in(info.item_type)
        case inspect.StructType():
            return [info]
        case _:
            return []


def differences(fields: dict[str, Any], info: inspect.StructType, path: str) -> Iterator[str]:
    """Where a Struct and the schema of an object, and of all that hangs on it, are not the same."""
    declared = {each.encode_name: each for each in info.fields}
    always = json.loads(msgspec.json.encode(info.cls()))
    for name, spec in fields.items():
        here = f"{path}.{name}"
        if name == info.tag_field:
            if spec["const"] != info.tag:
                yield f"{here}: {info.tag}"
            continue
        if name not in declared:
            yield f"{here}: missing"
            continue
        if spec["required"] != (name in always) and here not in DELIBERATE and spec["type"] != "Response":
            yield f"{here}: required is {spec['required']}"
        inner = structs_in(declared[name].type)
        if not inner:
            continue
        for shape in published().shapes(spec):
            tag = shape.get("type", {}).get("const")
            fitting = [each for each in inner if each.tag in {tag, None}]
            if len(fitting) == 1:
                yield from differences(shape, fitting[0], here)
            else:
                yield f"{here}: {len(fitting)} types for {tag or sorted(shape)}"


def struct_info(struct: type[msgspec.Struct]) -> inspect.StructType:
    info = inspect.type_info(struct)
    assert isinstance(info, inspect.StructType)
    return info


# -- names -----------------------------------------------------------------------------------------------


def test_every_type_on_the_wire_has_a_class_named_after_it() -> None:
    assert {kind: known.__name__ for kind, known in EVENT_TYPES.items()} == {
        kind: camel(kind) for kind in WIRE_TYPES
    }
    for known in EVENT_TYPES.values():
        assert getattr(events, known.__name__) is known


def test_every_type_of_item_has_a_class_named_after_it() -> None:
    named = {item.type: item.__name__ for item in get_args(OutputItem)}
    assert named == {kind: camel(kind) for kind in ITEM_TYPES}


def test_the_published_types_are_all_there() -> None:
    assert set(published().events) == set(WIRE_TYPES)
    assert set(published().items) == set(ITEM_TYPES)


def test_no_two_classes_share_a_name() -> None:
    assert len({struct.__name__ for struct in STRUCTS}) == len(STRUCTS)


# -- fields ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", WIRE_TYPES)
def test_an_event_has_every_published_field(kind: str) -> None:
    assert not list(differences(published().events[kind], struct_info(EVENT_TYPES[kind]), kind))


@pytest.mark.parametrize("kind", ITEM_TYPES)
def test_an_item_has_every_published_field(kind: str) -> None:
    (item,) = (each for each in get_args(OutputItem) if each.type == kind)
    assert not list(differences(published().items[kind], struct_info(item), kind))


def test_the_response_has_every_published_field() -> None:
    assert not list(differences(published().objects["Response"], struct_info(Response), "Response"))


def test_an_error_has_every_field_of_its_nested_form() -> None:
    shape = published().objects["ErrorPayload"]
    assert not list(differences(shape, struct_info(events.ErrorDetail), "error"))


@pytest.mark.parametrize("struct", STRUCTS)
def test_every_type_is_frozen_needs_no_field_and_encodes_what_it_decodes(
    struct: type[msgspec.Struct],
) -> None:
    config = struct.__struct_config__
    assert config.frozen
    assert config.omit_defaults
    assert not config.gc
    empty = struct()
    assert msgspec.json.decode(msgspec.json.encode(empty), type=struct) == empty
    assert msgspec.json.decode(b"{}", type=struct) == empty
    assert pickle.loads(pickle.dumps(empty)) == empty


def test_lists_that_nobody_sent_are_not_shared() -> None:
    assert Message().content is not Message().content


def test_a_keyword_is_decoded_and_encoded_under_its_own_name() -> None:
    call = msgspec.json.decode(b'{"type":"function_call","async":true}', type=FunctionCall)
    assert call.async_ is True
    assert json.loads(msgspec.json.encode(call))["async"] is True


# -- the type --------------------------------------------------------------------------------------------


def test_the_type_is_an_attribute_of_the_event_and_of_its_class() -> None:
    event = strict().decode(b'{"type":"response.output_text.delta","delta":"a"}')
    assert event.type == "response.output_text.delta" == events.OutputTextDelta.type
    assert json.loads(msgspec.json.encode(event))["type"] == event.type


def test_the_type_may_come_last() -> None:
    first = strict().decode(b'{"type":"response.refusal.delta","delta":"a","output_index":1}')
    assert strict().decode(b'{"output_index":1,"delta":"a","type":"response.refusal.delta"}') == first


def test_a_class_alone_decodes_an_event_without_a_type() -> None:
    payload = b'{"delta":"a"}'
    with pytest.raises(msgspec.ValidationError):
        strict().decode(payload)
    known = EVENT_TYPES["response.refusal.delta"]
    assert msgspec.json.decode(payload, type=known) == events.RefusalDelta(delta="a")


# -- the response inside an event ------------------------------------------------------------------------


def test_the_response_is_decoded_when_somebody_looks() -> None:
    event = strict().decode(b'{"type":"response.completed","response":{"id":"a","usage":{"input_tokens":1}}}')
    assert event.response.id == "a"
    assert event.response.usage == response.ResponseUsage(input_tokens=1)
    assert event.response == event.response


def test_an_event_encodes_its_response_as_it_came() -> None:
    payload = b'{"type":"response.failed","sequence_number":3,"response":{"later": [1.0, {"b": null}] }}'
    assert msgspec.json.encode(strict().decode(payload)) == payload


@pytest.mark.parametrize(
    "payload", [b'{"type":"response.queued"}', b'{"type":"response.queued","response":null}']
)
def test_no_response_is_an_empty_response(payload: bytes) -> None:
    event = strict().decode(payload)
    assert event.response == Response()
    assert strict().decode(msgspec.json.encode(event)) == event


def test_an_event_is_made_of_a_response() -> None:
    whole = Response(id="a", output=[Message(content=[content.OutputText(text="b")])])
    event = events.Completed.of(whole, 7)
    assert event.response == whole
    assert event == pickle.loads(pickle.dumps(event)) == strict().decode(msgspec.json.encode(event))


def test_what_had_to_be_repaired_in_a_response_is_told() -> None:
    read, repairs = read_response(msgspec.Raw(b'{"id":"a","output":null}'), "response.completed")
    assert read == Response(id="a")
    assert len(repairs) == 1


def test_what_is_no_response_fails_when_somebody_looks() -> None:
    event = strict().decode(b'{"type":"response.completed","response":[]}')
    with pytest.raises(EventDecodeError) as caught:
        _ = event.response
    assert (caught.value.raw, caught.value.event) == (b"[]", "response.completed")


# -- unknown members -------------------------------------------------------------------------------------

NEWER: dict[str, Any] = {"type": "telepathy", "id": "t", "numbers": [1, 2.5, None], "nested": {"type": "x"}}


@pytest.mark.parametrize(
    ("event", "place"),
    [
        ({"type": "response.output_item.added", "item": NEWER}, "item"),
        ({"type": "response.output_item.added", "item": {**NEWER, "type": None}}, "item"),
        ({"type": "response.content_part.done", "part": NEWER}, "part"),
        ({"type": "response.reasoning_summary_part.added", "part": NEWER}, "part"),
        ({"type": "response.output_text.annotation.added", "annotation": NEWER}, "annotation"),
    ],
)
def test_an_unknown_member_is_the_object_that_came(event: dict[str, Any], place: str) -> None:
    known: Any = KnownEvent
    built, _ = PayloadDecoder(known).decode(json.dumps(event).encode())
    member = getattr(built, place)
    assert isinstance(member, UnknownMember)
    assert member == event[place]
    assert member.type == (event[place]["type"] or "")
    assert json.loads(msgspec.json.encode(built))[place] == event[place]


def test_the_neighbours_of_an_unknown_member_stay_typed() -> None:
    parts = [{"type": "output_text", "text": "a", "annotations": [NEWER, {"type": "file_path"}]}, NEWER]
    payload = {
        "output": [NEWER, {"type": "message", "content": parts}, {"type": "web_search_call", "action": NEWER}]
    }
    read, _ = read_response(msgspec.Raw(json.dumps(payload).encode()), "response.completed")
    unknown = UnknownMember(NEWER)
    text = content.OutputText(text="a", annotations=[unknown, content.FilePath()])
    assert read.output == [unknown, Message(content=[text, unknown]), items.WebSearchCall(action=unknown)]
    assert json.loads(msgspec.json.encode(read))["output"][0] == NEWER


def test_an_unknown_member_pickles_and_shows_what_it_is() -> None:
    member = UnknownMember(type="a")
    copied = pickle.loads(pickle.dumps(member))
    assert type(copied) is UnknownMember
    assert copied == member
    assert repr(member) == "UnknownMember({'type': 'a'})"


# -- examples and recorded streams -----------------------------------------------------------------------


def kept(sent: Any, got: Any, path: str = "$") -> Iterator[str]:
    """What of a JSON value is not in another; a null may have been left out."""
    if isinstance(sent, dict) and isinstance(got, dict):
        for name, value in sent.items():
            if name in got:
                yield from kept(value, got[name], f"{path}.{name}")
            elif value is not None:
                yield f"{path}.{name}"
    elif isinstance(sent, list) and isinstance(got, list) and len(sent) == len(got):
        for left, right in zip(sent, got, strict=True):
            yield from kept(left, right, f"{path}[]")
    elif sent != got:
        yield f"{path}: {sent!r} is {got!r}"


def lost(payload: bytes) -> set[str]:
    """Decode an event strictly, check that it comes back, and tell what did not."""
    event = strict().decode(payload)
    sent = json.loads(payload)
    assert type(event) is EVENT_TYPES[sent["type"]]
    encoded = msgspec.json.encode(event)
    assert strict().decode(encoded) == event
    missing = set(kept(sent, json.loads(encoded)))
    if isinstance(event, events.ResponseEvent):
        whole = msgspec.json.decode(event.raw_response, type=Response)
        again = msgspec.json.encode(whole)
        assert msgspec.json.decode(again, type=Response) == whole
        missing |= set(kept(sent["response"], json.loads(again), "response"))
    return missing


def test_the_published_examples_come_back_whole() -> None:
    path = shared_folder() / "spec" / "examples.json"
    if not path.is_file():
        pytest.skip("the published examples are not here")
    examples = json.loads(path.read_text())
    pointers = published_schemas()["index"]["events"]["responses"].values()
    names = {pointer.split("/")[-1] for pointer in pointers} & set(examples["objects"]) | {"ResponseWsError"}
    payloads = [examples["objects"][name]["value"] for name in sorted(names)]
    for stream in examples["streams"]:
        if "/responses" in stream["operation"]:
            payloads += [event["data"] for event in stream["events"] if "type" in event.get("data", ())]
    missing: set[str] = set()
    for payload in payloads:
        if payload["type"] == "response.queued":
            payload["response"]["created_at"] = 0  # the example has a date where the API has a number
        missing |= lost(json.dumps(payload).encode())
    unknown = {"$.response_id", "response.input", "response.updated_at"}  # in no schema
    websocket = {"$.status", "$.stream_id"}
    assert missing == unknown | websocket


RECORDED = sorted(captures_folder().glob("responses-*.sse"))


@pytest.mark.skipif(not RECORDED, reason="the recorded streams are not here")
@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.stem)
def test_a_recorded_stream_decodes_strictly_and_comes_back_whole(path: Any) -> None:
    tokenizer = Tokenizer()
    sent = tokenizer.feed(path.read_bytes()) + tokenizer.close(flush=True)
    payloads = [event.data for event in sent if event.data.strip() != b"[DONE]"]
    assert payloads
    for payload in payloads:
        assert not lost(payload)


# -- payloads made from the schemas ----------------------------------------------------------------------

OPAQUE = {
    "InputItem",
    "Metadata",
    "Moderation",
    "Prompt",
    "PromptCacheBreakpointConfig",
    "PromptCacheOptions",
    "Reasoning",
    "ResponseTextParam",
    "Tool",
    "ToolChoiceParam",
    "ToolsArray",
    "VectorStoreFileAttributes",
}
"""Schemas of what the types leave untyped."""

texts = st.text(max_size=8)
plain_values = (
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | texts | st.lists(texts, max_size=2)
)
plain_objects = st.dictionaries(texts, plain_values, max_size=2)
PRIMITIVES: dict[str, st.SearchStrategy[Any]] = {
    "string": texts,
    "integer": st.integers(-(2**63), 2**63 - 1),
    "number": st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False),
    "boolean": st.booleans(),
    "any": plain_values,
    "object": plain_objects,
}


def alternatives(expression: str) -> list[str]:
    """The members of a type expression, at its top."""
    return re.findall(r"(?:[^|<> ]|<(?:[^<>]|<[^<>]*>)*>)+", expression)


@cache
def named(name: str) -> st.SearchStrategy[Any]:
    schemas = published()
    if name == "ToolsArray":
        return st.lists(plain_objects, max_size=2)
    if name in OPAQUE:
        return plain_objects
    if name in schemas.objects:
        return objects(schemas.objects[name])
    if name in schemas.unions:
        return st.one_of([objects(fields) for fields in schemas.members(name).values()])
    if schemas.defs[name].get("type") == "array":
        return st.lists(named(schemas.defs[name]["items"]["$ref"].split("/")[-1]), max_size=2)
    return texts  # every enumeration is open


def values(expression: str, spec: dict[str, Any]) -> st.SearchStrategy[Any]:
    """Values of a type expression."""
    found: list[st.SearchStrategy[Any]] = []
    for member in alternatives(expression):
        if member.startswith("array<"):
            found.append(st.lists(values(member[6:-1], spec), max_size=2))
        elif member.startswith("map<"):
            found.append(st.dictionaries(texts, values(member[4:-1], spec), max_size=2))
        elif member == "object" and "fields" in spec:
            found.append(objects(spec["fields"]))
        else:
            found.append(PRIMITIVES[member] if member in PRIMITIVES else named(member))
    return st.one_of(found)


def objects(fields: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Objects with these fields: all that are required, and any of the others."""
    required: dict[str, st.SearchStrategy[Any]] = {}
    optional: dict[str, st.SearchStrategy[Any]] = {}
    for name, spec in fields.items():
        made = values(spec["type"], spec)
        if "const" in spec and name == "type":
            made = st.just(spec["const"])
        if spec["nullable"]:
            made |= st.none()
        (required if spec["required"] else optional)[name] = made
    return st.fixed_dictionaries(required, optional=optional)


@pytest.mark.parametrize("kind", WIRE_TYPES)
def test_what_the_schema_allows_decodes_strictly_and_keeps_every_value(kind: str) -> None:
    @settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @given(
        payload=objects(published().events[kind]),
        shuffle=st.randoms(use_true_random=False),
        more=plain_objects,
    )
    def check(payload: dict[str, Any], shuffle: Any, more: dict[str, Any]) -> None:
        names = list(payload)
        shuffle.shuffle(names)
        shuffled = {name: payload[name] for name in names}
        assert not lost(json.dumps(shuffled).encode())
        unknown = {f"later_{name}": value for name, value in more.items()}
        assert strict().decode(json.dumps({**payload, **unknown}).encode()) == strict().decode(
            json.dumps(payload).encode()
        )

    check()


@pytest.mark.parametrize("kind", ITEM_TYPES)
def test_an_item_keeps_every_value(kind: str) -> None:
    @settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @given(item=objects(published().items[kind]))
    def check(item: dict[str, Any]) -> None:
        payload = {"type": "response.output_item.done", "output_index": 0, "item": item}
        assert not lost(json.dumps(payload).encode())

    check()
