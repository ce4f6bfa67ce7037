#!/bin/sh
# What an imported cloud image does as it starts for the first time: it becomes a worker. bootstrap.sh beside this file
# does that on Debian and Ubuntu; anything else (Fedora, Fedora CoreOS) does it in a container of Debian, with podman.
# Arguments: those of bootstrap.sh, whose files all lie beside this one.
set -u
here=$(dirname "$0")
container=${ARM_CI_CONTAINER:-docker.io/library/debian:12}

set_up() {
    if command -v apt-get >/dev/null 2>&1; then
        sh "$here/bootstrap.sh" "$@"
    else
        in_container "$@"
    fi
}

in_container() {
    if ! command -v podman >/dev/null 2>&1; then
        dnf -q -y install podman || return
    fi
    podman rm --force --ignore arm-ci-setup arm-ci-worker >/dev/null || return
    # Without a running systemd bootstrap.sh only enables the worker, which starts with the second container.
    # The machine is the worker's own: nothing outside the container has to be kept from it.
    podman run --name arm-ci-setup --network host --privileged --volume "$here:$here:ro" "$container" \
        sh -c 'apt-get -qq update && apt-get -qq -y install --no-install-recommends systemd-sysv >/dev/null &&
            exec sh "$0" "$@"' "$here/bootstrap.sh" "$@" || return
    podman commit --quiet arm-ci-setup arm-ci-worker >/dev/null && podman rm arm-ci-setup >/dev/null || return
    podman run --detach --name arm-ci-worker --network host --privileged --systemd always \
        arm-ci-worker /sbin/init >/dev/null
}

set_up "$@"
status=$?
if [ "$status" -ne 0 ]; then
    echo "arm_ci: the worker could not be set up, status $status" >/dev/console
fi
exit "$status"
