"""The configuration becomes Buildbot's, and its mistakes Buildbot's configuration errors."""

import os
import subprocess
import sys
from pathlib import Path
from unittest.mock import Mock

import pytest
from buildbot.config.errors import ConfigErrors
from buildbot.config.master import FileLoader
from buildbot.plugins import steps, util
from sites import whole_site

from arm_ci.config import load, variants
from arm_ci.master import ArmCi
from arm_ci.master.builders import steps as variant_steps
from arm_ci.master.housekeeping import Housekeeping

ROOT = Path(__file__).resolve().parents[2]
OPEN = "people: [ada]\nurl: https://ci.example.org/mesos/"


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    return whole_site(tmp_path_factory.mktemp("site"))


@pytest.fixture(scope="module")
def shipped(site):
    config = {"configurators": [ArmCi(site)]}
    config["configurators"][0].configure(config)
    return config


def test_each_variant_is_exactly_one_builder(shipped):
    expected = [variant.name for variant in variants(load(None))]
    assert [builder.name for builder in shipped["builders"]] == expected


def test_logs_older_than_the_configuration_says_are_removed(shipped):
    (keeper,) = [service for service in shipped["services"] if isinstance(service, Housekeeping)]
    assert keeper.site.keep_logs == 90 * 86400


def test_a_builder_is_tagged_by_every_axis_and_its_tier(shipped):
    (builder,) = [each for each in shipped["builders"] if each.name == "mesos-rpi3-arm64-clang-lld-ninja-full"]
    assert builder.tags == ["mesos", "rpi3-arm64", "clang", "lld", "ninja", "debug-full", "commit"]
    assert builder.workernames == ["rpi3-arm64-1"]


def test_the_steps_of_every_variant_are_those_of_the_design_in_their_order():
    config = load(None)
    (names,) = {tuple(step.name for step in variant_steps(config, variant)) for variant in variants(config)}
    assert names == (
        "check-worker", "source", "forced-patch", "patch-set", "prerequisites", "configure", "build", "learn-peaks",
        "link-trial", "tests", "artefacts", "summary",
    )  # fmt: skip


def test_a_build_has_its_variants_steps(shipped):
    (builder,) = [each for each in shipped["builders"] if each.name == "mesos-rpi3-arm64-clang-lld-ninja-full"]
    request = Mock()
    request.mergeSourceStampsWith.return_value = []
    build = builder.factory.newBuild([request], Mock(config=builder))
    first = build.stepFactories[0].buildStep()
    assert first.name == "check-worker"
    assert first.recipe.variant.name == builder.name


def test_a_night_compares_the_directory_of_a_project_with_what_was_built(site, shipped):
    nights = {each.name: each._config_kwargs["compared"] for each in shipped["schedulers"] if "nightly" in each.name}
    assert nights["nightly-sample:main"] == str(site / "state" / "sources" / "sample.git")
    assert nights["nightly-mesos:master"] == ""


def test_builds_are_forced_from_our_own_pages_only(shipped):
    assert set(shipped["www"]["allowed_origins"]) == {"http://localhost:8010", "http://127.0.0.1:8010"}


@pytest.mark.parametrize(
    ("site", "more"),
    [
        ("web: {port: 8010, host: 127.0.0.2}", ["http://127.0.0.2:8010"]),
        ("web: {port: 8010, host: '::1'}", ["http://[[]::1]:8010"]),
        (f"web: {{port: 8010, host: 192.0.2.1}}\n{OPEN}", ["http://192.0.2.1:8010", "https://ci.example.org"]),
        (f"web: {{port: 8010, host: 0.0.0.0}}\n{OPEN}", ["https://ci.example.org"]),
        (f"web: {{port: 8010, host: '::'}}\n{OPEN}", ["https://ci.example.org"]),
    ],
)
def test_builds_are_forced_under_the_address_that_the_web_ui_listens_on_too(tmp_path, site, more):
    config = {"configurators": [ArmCi(whole_site(tmp_path, site=f"{site}\n"))]}
    config["configurators"][0].configure(config)
    assert set(config["www"]["allowed_origins"]) == {"http://localhost:8010", "http://127.0.0.1:8010", *more}


def test_no_page_asks_other_machines_for_pictures_of_authors(shipped):
    assert shipped["www"]["avatar_methods"] == []


def test_everything_listens_on_loopback(shipped):
    assert shipped["www"]["port"] == "tcp:8010:interface=127.0.0.1"
    assert shipped["protocols"]["pb"] == {"port": "tcp:9989:interface=127.0.0.1"}


def test_steps_and_configurator_are_buildbot_plugins():
    names = "CheckWorker ForcedPatch PatchSet Prerequisites Configure Build Tests Artefacts Summary"
    for name in names.split():
        assert getattr(steps, f"Arm{name}").__name__ == name
    assert util.ArmCi is ArmCi


@pytest.fixture
def broken(tmp_path):
    workers = "local:\n  board: locl\n  local: true\n"
    return whole_site(tmp_path, workers=workers, boards="rpi4: {memory: lots}\n")


def test_every_mistake_is_a_configuration_error_of_buildbot(broken, monkeypatch):
    monkeypatch.setenv("ARM_CI_SITE", str(broken))
    with pytest.raises(ConfigErrors) as raised:
        FileLoader(str(ROOT), "master.cfg").loadConfig()
    assert len(raised.value.errors) >= 2
    assert any("boards.yaml:" in error and "`lots`" in error for error in raised.value.errors)
    assert any("workers.yaml:2:10: " in error for error in raised.value.errors)


@pytest.mark.real
def test_checkconfig_prints_the_mistakes_without_a_traceback(broken):
    done = subprocess.run(
        [sys.executable, "-c", "from buildbot.scripts.runner import run; run()", "checkconfig", "master.cfg"],
        cwd=ROOT,
        env={**os.environ, "ARM_CI_SITE": str(broken)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert f"{broken}/workers.yaml:2:10: " in done.stderr
    assert "Traceback" not in done.stdout + done.stderr


def test_a_certificate_that_is_not_there_is_a_configuration_error_that_says_what_makes_it(tmp_path):
    with pytest.raises(ConfigErrors) as error:
        ArmCi(whole_site(tmp_path, site="tls: {}\n")).configure({})
    file = tmp_path / "state" / "secrets" / "tls-certificate.pem"
    assert error.value.errors == [
        f"`tls` in site.yaml: {file} cannot be read (No such file or directory); `arm-ci start` makes it"
    ]
