"""For every test: imports that must come first, signals as at a terminal, and how Hypothesis searches.

`buildbot.test` turns every warning into an error, so what warns is imported before it. Tests that run in the background
have hangup, interrupt and quit ignored, and so would have what they start.

Hypothesis tries the same examples in every run, so that a run fails for what was changed and not by luck. `make fuzz`
searches on: with the profile `fuzz` it tries many more, other ones each time, and prints how to repeat what failed.
"""

import signal
import warnings

from hypothesis import HealthCheck, settings

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import buildbot.util.ssl  # noqa: F401  (warns that Twisted will lose a name)

for _number, _handler in (
    (signal.SIGHUP, signal.SIG_DFL),
    (signal.SIGINT, signal.default_int_handler),
    (signal.SIGQUIT, signal.SIG_DFL),
):
    if signal.getsignal(_number) == signal.SIG_IGN:
        signal.signal(_number, _handler)

# A machine that is busy with something else is no mistake of a test.
_PATIENT = settings(database=None, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("steady", _PATIENT, derandomize=True, max_examples=100)
settings.register_profile("fuzz", _PATIENT, derandomize=False, max_examples=3000, print_blob=True)
settings.load_profile("steady")
