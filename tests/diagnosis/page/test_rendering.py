"""Values become text: cleaned and escaped whatever a template forgets, and only where Jinja2 is installed."""

import subprocess
import sys

import pytest
from jinja2 import DictLoader, UndefinedError

from arm_ci.diagnosis.page import rendering


@pytest.fixture
def templates(monkeypatch):
    """Templates of a test in place of the page's."""
    made = rendering._templates().overlay()
    monkeypatch.setattr(rendering, "_templates", lambda: made)

    def use(text):
        made.loader = DictLoader({"t": text})

    return use


def test_a_template_that_says_nothing_about_a_value_gets_it_escaped(templates):
    templates('<td title="{{ text }}">{{ text }}</td>')
    assert rendering.rendered("t", text="<b>\"'&") == (
        '<td title="&lt;b&gt;&#34;&#39;&amp;">&lt;b&gt;&#34;&#39;&amp;</td>'
    )


def test_what_a_terminal_or_browser_obeys_is_gone_from_every_value(templates):
    templates("{{ text }} {{ [text] | join }} {{ number }}")
    assert rendering.rendered("t", text="a\x1b[31m\0\u202eb", number=7) == "a\ufffd\ufffdb a\ufffd\ufffdb 7"


def test_what_a_macro_made_is_not_escaped_again(templates):
    templates("{% macro bold(text) %}<b>{{ text }}</b>{% endmacro %}{{ bold(text) }}")
    assert rendering.rendered("t", text="<") == "<b>&lt;</b>"


def test_a_value_that_is_not_given_is_a_mistake(templates):
    templates("{{ missing }}")
    with pytest.raises(UndefinedError):
        rendering.rendered("t")


def test_without_jinja_the_message_has_the_command_that_installs_it(monkeypatch):
    rendering._templates.cache_clear()
    monkeypatch.setitem(sys.modules, "jinja2", None)
    with pytest.raises(rendering.PageError) as caught:
        rendering.check_pages_can_be_made()
    assert str(caught.value) == (
        f"a page needs Jinja2, which is not installed here: {sys.executable} -m pip install Jinja2"
    )


def test_jinja_is_not_imported_before_a_page_is_made():
    script = "import sys, arm_ci.diagnosis.page.verdict_page; sys.exit('jinja2' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
