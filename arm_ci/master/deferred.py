"""Coroutines as Buildbot calls them: its code yields what our methods return, and wants a Deferred."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any, ParamSpec

from twisted.internet.defer import Deferred

P = ParamSpec("P")


def as_deferred(function: Callable[P, Coroutine[Any, Any, Any]]) -> Callable[P, Any]:
    """A coroutine function as one that returns a Deferred; a decorator with types, unlike Buildbot's own."""

    @wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> Any:
        return Deferred.fromCoroutine(function(*args, **kwargs))

    return call
