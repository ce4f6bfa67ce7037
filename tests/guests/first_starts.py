"""A worker in the making, for tests."""

from typing import Any

from arm_ci.guests.first_start import FirstStart

PUBLIC_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKyy6TWwcs4GnNsl5/26tSTS4lRaRN+vlI4NZ/PlGNpj Ada"
PASSWORD = 'pa\'ss: "#wörd" %h $HOME'
CERTIFICATE = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
SCRIPTS = {
    "first-start.sh": '#!/bin/sh\nexec sh bootstrap.sh "$@"\n',
    "bootstrap.sh": "#!/bin/sh\n\techo tabs\techo 'and trailing blanks'   \n\n: ä %d\n",
}


def first_start(**changes: Any) -> FirstStart:
    """With everything that can be told, but for changes."""
    told: dict[str, Any] = {
        "worker": "Guest_1",
        "password": PASSWORD,
        "scripts": SCRIPTS,
        "master": "10.0.2.2:9989",
        "certificate": CERTIFICATE,
        "public_keys": (PUBLIC_KEY,),
        "swap_device": "/dev/disk/by-id/virtio-swap",
        "options": ("--projects", "mesos"),
    }
    return FirstStart(**{**told, **changes})
