"""`python -m arm_ci` is `arm-ci`."""

import sys

from arm_ci.cli import main

sys.exit(main())
