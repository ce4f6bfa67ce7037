"""Templates become text here. Every value is cleaned and escaped on its way in, whatever the template says about it.

The values are prepared by the other files of this folder; the templates, in `templates/`, only lay them out. Jinja2 is
imported when the first page is made: everything but pages works without it.
"""

from __future__ import annotations

import sys
from functools import cache
from typing import TYPE_CHECKING, Any

from arm_ci.diagnosis.page.shown_text import code_apart, harmless, shortened

if TYPE_CHECKING:
    from jinja2 import Environment


class PageError(Exception):
    """No page can be made here; the message says what to install."""


def rendered(template: str, **values: object) -> str:
    """The text of a template with its values. Raises PageError where Jinja2 is not installed."""
    return _templates().get_template(template).render(values)


def check_pages_can_be_made() -> None:
    """Raises PageError where Jinja2 is not installed: before long work, not after it."""
    _templates()


@cache
def _templates() -> Environment:
    try:
        from jinja2 import Environment, PackageLoader, StrictUndefined
    except ImportError:
        raise PageError(
            f"a page needs Jinja2, which is not installed here: {sys.executable} -m pip install Jinja2"
        ) from None
    templates = Environment(
        loader=PackageLoader("arm_ci.diagnosis.page"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_cleaned,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.filters.update(code_apart=code_apart, shortened=shortened, tenths=_tenths)
    return templates


def _cleaned(value: Any) -> Any:
    # What macros return is markup already, a subclass of str.
    return harmless(value) if type(value) is str else value


def _tenths(number: float) -> str:
    """A place in a picture: nobody sees less than a tenth of a pixel."""
    return f"{number:.1f}"
