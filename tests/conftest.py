"""For every test: imports that must come first, and signals as a person at a terminal has them.

`buildbot.test` turns every warning into an error, so what warns is imported before it. Tests that run in the background
have hangup, interrupt and quit ignored, and so would have what they start.
"""

import signal
import warnings

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
