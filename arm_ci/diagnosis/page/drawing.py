"""What a picture is made of: lines, boxes, areas and texts, at places in pixels from its left and upper edge.

`look` is the class that the template's style gives a colour, a width or a letter's size.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Line:
    """From one point to another."""

    x1: float
    y1: float
    x2: float
    y2: float
    look: Literal["grid", "limit", "moment"]
    kind: Literal["line"] = "line"


@dataclass(frozen=True)
class Box:
    """A filled rectangle with round corners."""

    x: float
    y: float
    width: float
    height: float
    look: str
    kind: Literal["box"] = "box"


@dataclass(frozen=True)
class Area:
    """What is under a curve. `path` is as SVG's `d` wants it: numbers and letters for moves."""

    path: str
    look: str
    kind: Literal["area"] = "area"


@dataclass(frozen=True)
class Text:
    """Words that begin, end or have their middle at a point."""

    x: float
    y: float
    words: str
    look: str = ""
    kind: Literal["text"] = "text"


Shape = Line | Box | Area | Text


@dataclass(frozen=True)
class Picture:
    """Shapes in the order in which they are drawn."""

    width: int
    height: int
    shapes: tuple[Shape, ...]
