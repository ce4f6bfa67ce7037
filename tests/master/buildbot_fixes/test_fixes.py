"""The fixes of Buildbot: each private thing that they touch is as it is in the Buildbot that they were made for.

`pins.json` has what is expected. When Buildbot is another one, the tests here fail first, and say which fix must be
looked at; when that is done, run `python tests/master/buildbot_fixes/test_fixes.py` to write the pins anew.
"""

from __future__ import annotations

import ast
import hashlib
import inspect
import json
import re
import sys
from functools import cache
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace

import buildbot
import pytest

import arm_ci.master
from arm_ci.master import buildbot_fixes
from arm_ci.master.buildbot_fixes import FIXES, fixes, in_force
from arm_ci.master.buildbot_fixes.fix import Fix

PINS = Path(__file__).with_name("pins.json")
ALL = list(fixes())
# Buildbot's documented ways to make a step, a worker, a service, a scheduler, a form, an authentication, a webhook.
DOCUMENTED = {
    "BuildFactory": {"buildClass", "newBuild"},
    "BuildStep": {"run", "getCurrentSummary", "getResultSummary", "progressMetrics", "alwaysRun"},
    "LogLineObserver": {"outLineReceived", "errLineReceived"},
    "AbstractLatentWorker": {"start_instance", "stop_instance"},
    "BaseParameter": {"parse_from_arg", "updateFromKwargs", "debug", "multiple", "default"},
    "CustomAuth": {"check_credentials"},
    "RolesFromBase": {"getRolesFromUser"},
    "BaseHookHandler": {"getChanges"},
    "ConfiguratorBase": {"configure"},
    "ProcessProtocol": {"outReceived", "errReceived", "processEnded"},
    "ReconfigurableBaseScheduler": {"activate", "deactivate", "addBuildsetForSourceStamps"},
}
EVERYWHERE = {"name", "checkConfig", "reconfigService", "startService", "stopService", "compare_attrs", "unpause"} | {
    "haltOnFailure",
    "flunkOnFailure",
    "warnOnFailure",
}


def found(reference: str) -> object:
    """What a reference names; for an attribute that instances get, the class."""
    module, _, path = reference.partition(":")
    thing = import_module(module)
    for name in path.split("."):
        thing = getattr(thing, name)
    return thing


def signature(reference: str) -> str:
    return str(inspect.signature(found(reference)))


def source(reference: str) -> str:
    """Signature and digest of a function's whole text."""
    text = inspect.getsource(inspect.unwrap(found(reference)))
    return f"{signature(reference)} sha256 {hashlib.sha256(text.encode()).hexdigest()[:16]}"


@cache
def text_of(kind: type) -> str:
    return inspect.getsource(kind) if kind.__module__.startswith(("buildbot", "twisted")) else ""


def attribute(reference: str) -> str:
    """How a class comes by an attribute; the columns of a table."""
    owner, _, name = reference.rpartition(".")
    kind = found(owner)
    in_class = inspect.getattr_static(kind, name, None)
    if hasattr(in_class, "columns"):
        return f"table {' '.join(column.name for column in in_class.columns)}"
    if name in vars(kind) or any(name in vars(base) for base in kind.__mro__[:-1]):
        return "of the class"
    if any(re.search(rf"\bself\.{name}\b[^=\n]*(?<![=!<>])=(?!=)", text_of(base)) for base in kind.__mro__):
        return "of an instance"
    raise AttributeError(f"no class of {owner} has or sets an attribute `{name}`")


def pins(fix: Fix) -> dict[str, str]:
    made = {each: source(each) for each in (*fix.replaces, *fix.relies_on)}
    made |= {each: signature(each) for each in (*fix.extends, *fix.calls)}
    return made | {each: attribute(each) for each in fix.reads}


@pytest.mark.parametrize("fix", ALL, ids=lambda fix: fix.name)
def test_what_a_fix_touches_is_as_it_was_when_the_fix_was_made(fix):
    expected = json.loads(PINS.read_text())
    try:
        touched = pins(fix)
    except (AttributeError, ImportError) as error:
        touched = {str(error): "not there"}
    changed = {name: now for name, now in touched.items() if expected[fix.name].get(name) != now}
    assert not changed and touched.keys() == expected[fix.name].keys(), (
        f"arm_ci/master/buildbot_fixes/{fix.name}.py was made for Buildbot {expected['buildbot']}, and this is "
        f"{buildbot.version}: look at that fix ({fix.why}), which can go when {fix.goes_when}. Changed: {changed}"
    )


def test_the_table_has_every_file_once_under_its_name():
    directory = Path(buildbot_fixes.__file__).parent
    files = {path.stem for path in directory.glob("*.py")} - {"__init__", "fix", "in_force"}
    assert (sorted(FIXES), [fix.name for fix in ALL]) == (sorted(files), list(FIXES))


@pytest.mark.parametrize("fix", ALL, ids=lambda fix: fix.name)
def test_each_file_says_what_why_which_issue_and_when_it_can_go(fix):
    told = import_module(f"{buildbot_fixes.__name__}.{fix.name}").__doc__
    assert re.search(r"\nWhat: .*\nWhy: .*\nBuildbot's issues?: .*\nCan go: ", told, re.DOTALL)
    numbers = re.findall(r"[0-9]{4}", fix.issue)
    assert all(number in told for number in numbers) and (numbers or "no issue found" in told)
    assert (fix.why and fix.goes_when and fix.why[0].islower()) or fix.why.startswith(("GitHub", "Buildbot"))


class Told(list):
    def msg(self, line):
        self.append(line)


def test_the_log_of_a_start_has_a_line_for_each_fix(monkeypatch):
    from buildbot.www.rest import V2RootResource
    from twisted.internet import defer

    monkeypatch.setattr(V2RootResource, "_write_json_data", V2RootResource._write_json_data)
    told = Told()
    monkeypatch.setattr(in_force, "log", told)
    service = in_force.BuildbotFixes(60)
    service.parent = SimpleNamespace(master=None)
    defer.ensureDeferred(service.startService())
    assert told == [f"Buildbot {buildbot.version} is changed here: {fix.name}: {fix.why}" for fix in ALL]
    assert V2RootResource._write_json_data.__module__ == "arm_ci.master.buildbot_fixes.rest_answers"


# -- nothing private is touched elsewhere ---------------------------------------------------------------------

ROOT = Path(arm_ci.master.__file__).parents[1]
FILES = [*ROOT.glob("master/**/*.py"), *ROOT.glob("steps/**/*.py"), ROOT / "guests" / "latent_worker.py"]
NAMES = [".".join(("arm_ci", *file.relative_to(ROOT).with_suffix("").parts)) for file in sorted(FILES)]
MODULES = [import_module(name.removesuffix(".__init__")) for name in NAMES]
"""Ours that may import Buildbot."""
TOUCHED = {reference.rpartition(".")[2] for fix in ALL for reference in pins(fix)}


def foreign(kind: type) -> bool:
    return kind.__module__.split(".")[0] in ("buildbot", "twisted")


CLASSES = [
    kind
    for module in MODULES
    for kind in vars(module).values()
    if inspect.isclass(kind) and kind.__module__ == module.__name__ and any(map(foreign, kind.__mro__[:-1]))
]


def may_touch(name: str) -> bool:
    """Whether a module is one of the fixes, or one of those that may not import them."""
    return name.startswith((f"{buildbot_fixes.__name__}.", "arm_ci.steps", "arm_ci.guests"))


def defined_in(tree: ast.Module) -> set[str]:
    """What a module defines: functions, its own attributes, its names."""
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store) and ast.unparse(node.value) == "self":
            names.add(node.attr)
    return names


TREES = {module.__name__: ast.parse(inspect.getsource(module)) for module in MODULES}
OURS = set().union(*map(defined_in, TREES.values()))


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_a_method_of_buildbot_is_overridden_only_where_that_is_documented_or_a_fix_says_so(kind):
    bases = [base for base in kind.__mro__[1:] if foreign(base)]
    documented = EVERYWHERE.union(*(DOCUMENTED.get(base.__name__, set()) for base in bases))
    overridden = {
        name for name in vars(kind) if not name.startswith("__") and any(name in vars(base) for base in bases)
    }
    assert overridden - documented - TOUCHED == set()


@pytest.mark.parametrize("name", TREES)
def test_a_private_attribute_of_another_is_used_only_where_a_fix_says_so(name):
    used = {node.attr for node in ast.walk(TREES[name]) if isinstance(node, ast.Attribute)}
    private = {each for each in used - OURS if each.startswith("_") and not each.startswith("__")}
    assert private - (TOUCHED if may_touch(name) else set()) == set()


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__)
def test_parts_of_a_master_without_an_api_are_reached_through_a_fix(module):
    parts = r"(?<!arm_ci\.)\bmaster\.(?:db|botmaster|pbmanager|www|change_svc|scheduler_manager|workers|config)\b"
    assert may_touch(module.__name__) or not re.search(parts, inspect.getsource(module))


if __name__ == "__main__":
    written = {"buildbot": buildbot.version, **{fix.name: pins(fix) for fix in ALL}}
    PINS.write_text(json.dumps(written, indent=1, ensure_ascii=False) + "\n")
    sys.stdout.write(f"wrote {PINS}\n")
