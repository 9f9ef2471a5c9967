"""YAML with its line numbers, read so that a text stays the text that was written.

Every scalar arrives as text (item number 0042 keeps its zeros, NO is not false, 10:30 is not a
number of seconds) and the venue file's own types say what it means.
"""

import re
from dataclasses import dataclass, field
from typing import Any

import yaml

Place = tuple[str | int, ...]
NULLS = ("", "~", "null")
# What a document may hold once its aliases are written out: a venue of 10,000 items has some
# 260,000 values. A few lines can say more than any memory holds, or go deeper than any stack.
MOST_VALUES = 500_000
DEEPEST = 50
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
# An escape in a quoted text can write what no database keeps.
_NOT_TEXT = re.compile("[\x00\ud800-\udfff]")


@dataclass(slots=True)
class Fault:
    """What is wrong in a file, and on which line (from 1)."""

    line: int
    message: str


@dataclass(slots=True)
class Document:
    """A YAML document's value, the line of each place in it, and what was wrong with its form."""

    value: Any
    lines: dict[Place, int] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)

    def line_of(self, place: Place) -> int:
        """The line of a place, or of the nearest place around it."""
        while place and place not in self.lines:
            place = place[:-1]
        return self.lines.get(place, 1)


def read_yaml(text: str) -> Document:
    """Parse one YAML document. Faults are collected, never raised."""
    document = Document(None)
    try:
        fault = _excess(text)
        node = None if fault else yaml.compose(text, Loader=_LOADER)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        document.faults.append(Fault(line, f"not YAML: {error.problem}"))
    except yaml.YAMLError as error:
        document.faults.append(Fault(1, f"not YAML: {error}"))
    else:
        if fault is not None:
            document.faults.append(fault)
        if node is not None:
            document.value = _value(node, (), document)
    return document


def _excess(text: str) -> Fault | None:
    """What is too much of in a document, found without building it."""
    # Of each collection that is open: its anchor, and how many values it holds so far.
    around: list[tuple[str | None, int]] = [(None, 0)]
    sizes: dict[str | None, int] = {}
    for event in yaml.parse(text, Loader=_LOADER):
        line = event.start_mark.line + 1 if event.start_mark else 1
        anchor: str | None = getattr(event, "anchor", None)
        size = 1
        if isinstance(event, yaml.CollectionStartEvent):
            # Not in `sizes` until it ends, so that what holds itself is seen.
            sizes.pop(anchor, None)
            around.append((anchor, 1))
            if len(around) > DEEPEST:
                return Fault(line, f"goes more than {DEEPEST} levels deep")
            continue
        if isinstance(event, yaml.CollectionEndEvent):
            anchor, size = around.pop()
        elif isinstance(event, yaml.AliasEvent):
            if anchor not in sizes:
                return Fault(line, f"*{anchor} is inside what it stands for, or stands for nothing")
            size, anchor = sizes[anchor], None
        elif not isinstance(event, yaml.ScalarEvent):
            continue
        if anchor is not None:
            sizes[anchor] = size
        around[-1] = (around[-1][0], around[-1][1] + size)
        if around[-1][1] > MOST_VALUES:
            return Fault(line, f"holds more than {MOST_VALUES:,} values; split the file")
    return None


def _value(node: yaml.Node, place: Place, document: Document) -> Any:  # noqa: ANN401 - any YAML value
    document.lines.setdefault(place, node.start_mark.line + 1)
    if isinstance(node, yaml.MappingNode):
        return _mapping(node, place, document)
    if isinstance(node, yaml.SequenceNode):
        return [_value(child, (*place, i), document) for i, child in enumerate(node.value)]
    if _NOT_TEXT.search(node.value):
        line = node.start_mark.line + 1
        document.faults.append(
            Fault(line, "has a NUL or half of a surrogate pair in it; write whole characters")
        )
    plain = getattr(node, "style", None) is None
    return None if plain and node.value in NULLS else node.value


def _mapping(node: yaml.MappingNode, place: Place, document: Document) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, child in node.value:
        line = key.start_mark.line + 1
        if not isinstance(key, yaml.ScalarNode):
            document.faults.append(Fault(line, "a key must be a plain word"))
        elif key.value in found:
            document.faults.append(Fault(line, f"{key.value} is given twice"))
        else:
            document.lines[(*place, key.value)] = line
            found[key.value] = _value(child, (*place, key.value), document)
    return found
