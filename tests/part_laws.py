"""The laws of part events, as plain functions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ssewire.parts import AnyPart, PartDelta, PartEnd, PartStart

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ssewire.parts import PartEvent

GROWING = ("text", "arguments", "transcript", "data", "name", "call_id", "id")


def check_part_events(told: Iterable[PartEvent], differing: Iterable[str] = ()) -> list[AnyPart]:
    """Each part begins once, without content, grows while it is open, and ends once, as what its events tell.

    Returns:
        The parts, in order.
    """
    texts: dict[int, dict[str, str]] = {}
    ended: dict[int, AnyPart] = {}
    for event in told:
        assert event.index not in ended
        match event:
            case PartStart(index, choice, part):
                assert index == len(texts) == part.index
                assert choice == part.choice
                assert not any(getattr(part, name, "") for name in GROWING[:4])
                texts[index] = {name: getattr(part, name) for name in GROWING if hasattr(part, name)}
            case PartDelta(index, delta, field):
                assert delta
                assert not any("\ud800" <= char <= "\udfff" for char in delta)
                texts[index][field] += delta
            case PartEnd(index, part):
                ended[index] = part
                for name, text in texts[index].items():
                    last_word = getattr(part, name)
                    # An image comes as a whole, with its end.
                    assert last_word == text or part.type == "image" or last_word in differing
    assert ended.keys() == texts.keys()
    return [part for _, part in sorted(ended.items())]


def texts_of(parts: Iterable[AnyPart], part_type: type[AnyPart]) -> str:
    """The texts of the parts of one type, joined."""
    return "".join(getattr(part, "text", "") for part in parts if type(part) is part_type)
