"""The merged configuration as YAML text, with the file and line that each value comes from in a comment.

What stands there is what somebody wrote; keys that nobody wrote have their defaults, which docs/configuration.md tells.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from arm_ci.config.yaml_nodes import Node

_WIDTH = 100
"""A list that is longer stands one item a line."""

Origin = Callable[[Node], str]
"""FILE:LINE of a node, as it is to be shown."""


def lines_of(name: str, node: Node, origin: Origin, depth: int = 0) -> Iterator[str]:
    """The lines for a key and its value. A list comes from one file as a whole, so its place is told once."""
    start = f"{'  ' * depth}{_scalar(name)}:"
    if node.kind == "mapping" and node.pairs:
        yield start
        for key, value in node.pairs:
            yield from lines_of(key.text, value, origin, depth + 1)
        return
    short = f"{start} {_flow(node)}"
    if node.kind != "list" or len(short) <= _WIDTH:
        yield f"{short}  # {origin(node)}"
        return
    yield f"{start}  # {origin(node)}"
    for item in node.items:
        yield f"{'  ' * depth}  - {_flow(item)}"


def _flow(node: Node) -> str:
    """A value on one line."""
    if node.kind == "mapping":
        return "{" + ", ".join(f"{_scalar(key.text)}: {_flow(value)}" for key, value in node.pairs) + "}"
    if node.kind == "list":
        return "[" + ", ".join(map(_flow, node.items)) + "]"
    if node.tag == "str":
        return _scalar(node.text)
    return node.text or "null"


def _scalar(text: str) -> str:
    """A text so that YAML reads it as that text again, also between commas and brackets."""
    import yaml  # imported late: whoever only wants the model does not pay for it

    return str(yaml.safe_dump([text], default_flow_style=True, width=float("inf"), allow_unicode=True)).strip()[1:-1]
