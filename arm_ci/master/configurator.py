"""The one configurator: reads config/ and hands Buildbot the result. `configure()` reads as a list of steps."""

from __future__ import annotations

from glob import escape
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from buildbot.config.errors import ConfigErrors
from buildbot.configurators import ConfiguratorBase

from arm_ci import __version__
from arm_ci.config import Config, ConfigError, load, variants
from arm_ci.config.model import Variant
from arm_ci.config.site_checks import EVERY_ADDRESS
from arm_ci.master.buildbot_fixes.in_force import BuildbotFixes
from arm_ci.master.builders import artefacts_directory, buildbot_project, builders
from arm_ci.master.builds.recovery import Recovery
from arm_ci.master.housekeeping import Housekeeping
from arm_ci.master.triggers.schedulers import is_watched, schedulers_of
from arm_ci.master.web.force_form import force_scheduler
from arm_ci.master.web.pages import UI_DEFAULTS
from arm_ci.master.workers.configured import buildbot_worker, endpoint, protocols
from arm_ci.plan.patching import patch_set_problems


class ArmCi(ConfiguratorBase):
    """Configures a Buildbot master from a directory of YAML files; every mistake is a configuration error."""

    def __init__(self, directory: str | Path) -> None:
        super().__init__()
        self.directory = Path(directory)

    def configure(self, config_dict: dict[str, Any]) -> None:
        super().configure(config_dict)
        config_dict["buildbotNetUsageData"] = None
        try:
            config = load(self.directory)
        except ConfigError as error:
            raise ConfigErrors([str(problem) for problem in error.problems]) from error
        self._refuse_patch_sets_with_mistakes(config)
        chosen = variants(config)
        self._site(config)
        config_dict.setdefault("services", []).extend(
            (
                Recovery(),
                BuildbotFixes(config.site.worker_silence),
                Housekeeping(config.site, str(artefacts_directory(config))),
            )
        )
        self.workers += [buildbot_worker(config, each) for each in config.workers.values()]
        self.projects += [buildbot_project(each) for each in config.projects.values()]
        self.builders += builders(config, chosen)
        self.schedulers += [force_scheduler(config.projects[name], its) for name, its in _by_project(chosen).items()]
        self._triggers(config, chosen)
        self._secure(config)

    def _secure(self, config: Config) -> None:
        """The port of boards."""
        if config.site.tls is None:
            return
        # Imported late: TLS takes a while to load, and many masters have no boards.
        from arm_ci.master.workers.secure_port import secure_port

        try:
            self.config_dict["services"].append(secure_port(config, config.site.tls))
        except OSError as error:
            raise ConfigErrors(
                [f"`tls` in site.yaml: {error.filename} cannot be read ({error.strerror}); `arm-ci start` makes it"]
            ) from error

    @staticmethod
    def _refuse_patch_sets_with_mistakes(config: Config) -> None:
        if mistakes := patch_set_problems(config):
            raise ConfigErrors(list(mistakes))

    def _triggers(self, config: Config, chosen: tuple[Variant, ...]) -> None:
        """What starts builds without the force form."""
        for project in config.projects.values():
            watched = is_watched(config, project)
            ours = [each for each in chosen if each.project == project.name]
            own = config.repository_url(project) if project.directory else ""
            started = schedulers_of(project, ours, watched, own)
            self.schedulers += started
            if watched and started:
                # Imported late, as the two below: for what a configuration does not use.
                from arm_ci.master.triggers.commit_poller import commit_poller

                self.config_dict.setdefault("change_source", []).append(commit_poller(config, project))
        if config.site.github_webhook:
            from arm_ci.master.triggers.webhook import change_hook_dialects

            self.www.setdefault("change_hook_dialects", change_hook_dialects(config))
        if config.site.mail:
            # Imported late, like the one below: for what a configuration does not use.
            from arm_ci.master.reporting.mail import mail_reporter

            self.config_dict["services"].append(mail_reporter(config.site.mail))
        if config.site.people and chosen:
            from arm_ci.master.triggers.try_scheduler import try_scheduler

            self.schedulers.append(try_scheduler(config, chosen))

    def _site(self, config: Config) -> None:
        site = config.site
        c = self.config_dict
        c["title"] = site.title
        c["titleURL"] = c["buildbotURL"] = site.url or f"http://localhost:{site.web.port}/"
        c.setdefault("db", {"db_url": site.database})
        self.protocols.update(protocols(site))
        self.www.setdefault("port", endpoint(site.web))
        # The page may be opened under `url`, as localhost, and under the address that it listens on; pages of others
        # must not force builds.
        names = ["localhost", "127.0.0.1"]
        if site.web.host not in (*names, *EVERY_ADDRESS):
            # Buildbot reads these as patterns, in which a bracket stands for itself inside brackets only.
            names.append(escape(f"[{site.web.host}]" if ":" in site.web.host else site.web.host))
        origins = [f"http://{name}:{site.web.port}" for name in names]
        self.www.setdefault("allowed_origins", [*origins, _origin(c["buildbotURL"])])
        if site.people:
            # Imported late: most masters listen on loopback, where nobody logs in.
            from arm_ci.master.web.authentication import web_settings

            for key, value in web_settings(config).items():
                self.www.setdefault(key, value)
        self.www.setdefault("plugins", {"waterfall_view": {}, "console_view": {}, "grid_view": {}, "arm_ci": {}})
        self.www.setdefault("ui_default_config", dict(UI_DEFAULTS))
        # Page "about"; what stands there comes from the code that runs, not from what is installed.
        self.www.setdefault("versions", [("arm_ci", __version__)])
        # Pictures of authors come from elsewhere: their addresses would leave the machine.
        self.www.setdefault("avatar_methods", [])


def _origin(url: str) -> str:
    """Scheme, host and port of an address, as browsers send them."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def _by_project(chosen: tuple[Variant, ...]) -> dict[str, list[Variant]]:
    found: dict[str, list[Variant]] = {}
    for variant in chosen:
        found.setdefault(variant.project, []).append(variant)
    return found
