"""Where commands find the site, and what they say to the names that the option and the variable had before."""

import argparse
from pathlib import Path

import pytest

from arm_ci import cli
from arm_ci.cli import options


@pytest.fixture(autouse=True)
def nothing_named(tmp_path, monkeypatch):
    """A current directory without a site, in a checkout without one."""
    monkeypatch.setattr(options, "catalogue", lambda: tmp_path / "checkout")
    monkeypatch.delenv("ARM_CI_SITE", raising=False)
    monkeypatch.delenv("ARM_CI_CONFIG", raising=False)
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")


def found(*words):
    parser = argparse.ArgumentParser()
    options.add_site_option(parser)
    return options.site_of(parser.parse_args(words))


def site(directory: Path) -> Path:
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "site.yaml").touch()
    return directory


def test_the_site_is_looked_for_in_four_places_one_after_the_other(tmp_path, monkeypatch):
    assert found() is None
    own = site(tmp_path / "checkout" / "state" / "site")
    assert found() == own
    site(tmp_path / "here")
    assert found() == Path()
    monkeypatch.setenv("ARM_CI_SITE", "of/the/environment")
    assert found() == Path("of/the/environment")
    assert found("--site", "named") == Path("named")


def test_a_directory_without_site_yaml_is_no_site_unless_it_is_named(tmp_path):
    (tmp_path / "here" / "projects.yaml").touch()
    assert found() is None


def test_the_option_of_before_names_the_one_of_today(capsys):
    with pytest.raises(SystemExit) as stopped:
        cli.main(["check", "--config", "config"])
    assert stopped.value.code == 2
    assert capsys.readouterr().err.endswith(
        "check: error: --config is called --site now, and DIR holds a site's own files only (docs/configuration.md)\n"
    )


def test_the_variable_of_before_names_the_one_of_today(monkeypatch, capsys):
    monkeypatch.setenv("ARM_CI_CONFIG", "config")
    assert cli.main(["check"]) == 2
    assert capsys.readouterr().err == (
        "arm-ci: ARM_CI_CONFIG is called ARM_CI_SITE now, and names a site directory (docs/configuration.md)\n"
    )
