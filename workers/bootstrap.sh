#!/bin/sh
# Makes this machine a worker of arm_ci: packages, swap, an unprivileged user, buildbot-worker in a virtual environment,
# a hardened systemd unit. For Debian 11 to 13, Raspberry Pi OS and Ubuntu; run it again whenever you like, it changes only
# what differs. Packages come from where this machine's apt and pip are configured to get them.
set -u

usage() {
    cat <<'USAGE'
usage: sh bootstrap.sh --master HOST:PORT --name NAME [OPTION...]
  --master HOST:PORT   where the master takes workers ([::1]:PORT for an IPv6 address)
  --name NAME          name of this worker in workers.yaml
  --secret-file FILE   file with the worker's password; without it, the password is the first line of standard input
                       (asked for at a terminal). A password that is installed already may be left out.
  --certificate FILE   connect with TLS, and only to a master with this certificate, or one that this CA signed
  --projects A,B       install what these projects need: compilers, linkers, build tools, libraries
  --swap auto|none|SIZE
                       how much swap there shall be (12G, 512M); auto, the default: four times the RAM, 2 to 8 GB, a
                       quarter of the free disk at most; none: leave swap alone
  --cmdline            also write what is missing on the kernel's command line; without it that is only said
  --dry-run            change nothing, say what would be changed
exit status: 0 done, 1 something failed, 2 usage
USAGE
}

BUILDBOT_WORKER=4.3.0
WORKER=arm-ci-worker
ETC=/etc/$WORKER
ENVIRONMENT=/opt/$WORKER
HOME_DIRECTORY=/var/lib/$WORKER
UNIT=/etc/systemd/system/$WORKER.service
SWAP_FILE=/var/swap.$WORKER
KERNEL_WORDS_GRUB=/etc/default/grub.d/$WORKER.cfg

# What projects need, a line each: project, architecture, distribution, packages. `*` stands for all, `debian-12` for one
# release; a package with `?` is only wanted where the release has it. `python -m arm_ci.plan.packages` writes these
# lines from a configuration; a test compares them with the one that is shipped.
package_table() {
    cat <<'TABLE'
llvm amd64 * binutils binutils-gold? clang cmake g++ gcc git lld mold ninja-build
llvm arm64 * binutils binutils-gold? clang cmake g++ gcc git lld mold ninja-build
llvm * debian python3 zlib1g-dev
llvm * ubuntu python3 zlib1g-dev
mesos amd64 * autoconf automake binutils binutils-aarch64-linux-gnu binutils-arm-linux-gnueabihf binutils-gold? clang clang-14 cmake g++ g++-12 g++-aarch64-linux-gnu g++-arm-linux-gnueabihf gcc gcc-12 gcc-aarch64-linux-gnu gcc-arm-linux-gnueabihf git libtool lld make mold ninja-build
mesos arm64 * autoconf automake binutils binutils-gold? ckati clang cmake g++ gcc git libtool lld make mold ninja-build
mesos armhf * autoconf automake binutils binutils-gold? clang g++ gcc git libtool lld make
mesos * debian libapr1-dev libcurl4-openssl-dev libsasl2-dev libsasl2-modules libsvn-dev patch python3-dev zlib1g-dev autoconf automake libtool pkg-config
mesos * raspbian libapr1-dev libcurl4-openssl-dev libsasl2-dev libsasl2-modules libsvn-dev patch python3-dev zlib1g-dev autoconf automake libtool pkg-config
mesos * ubuntu libapr1-dev libcurl4-openssl-dev libsasl2-dev libsasl2-modules libsvn-dev patch python3-dev zlib1g-dev autoconf automake libtool pkg-config
sample amd64 * binutils-aarch64-linux-gnu binutils-arm-linux-gnueabihf cmake g++-aarch64-linux-gnu g++-arm-linux-gnueabihf gcc-aarch64-linux-gnu gcc-arm-linux-gnueabihf git ninja-build
sample arm64 * cmake g++ gcc git lld ninja-build
TABLE
}

# -- saying and doing ----------------------------------------------------------------------------------------------

changes=0
reboot=''

fail() {
    echo "bootstrap: $1" >&2
    exit "${2-1}"
}

# change TEXT COMMAND...: says what is changed and does it; in a dry run says what would be
change() {
    changes=$((changes + 1))
    what=$1
    shift
    if [ "$dry_run" = yes ]; then
        echo "would: $what"
        return 0
    fi
    echo "change: $what"
    "$@" || fail "\`$*\` failed; run it again when that is mended, what was done stays"
}

keep() {
    echo "as it is: $1"
}

note() {
    echo "note: $1"
}

# same_file FILE MODE OWNER:GROUP: does the file hold what stands in $content, with that mode and owner?
same_file() {
    [ -f "$1" ] && [ "$(stat -c '%a %U:%G' "$1")" = "$2 $3" ] && [ "$(cat "$1" && echo .)" = "$content
." ]
}

# put FILE MODE OWNER:GROUP: writes $content and a newline; the file is never there half written, nor readable to others
put() {
    mkdir -p "$(dirname "$1")" && rm -f "$1.new" &&
        (umask 077 && printf '%s\n' "$content" >"$1.new") &&
        chown "$3" "$1.new" && chmod "$2" "$1.new" && mv -f "$1.new" "$1"
}

# file WHAT FILE MODE OWNER:GROUP: the file holds $content afterwards; status 0: it was changed
file() {
    if same_file "$2" "$3" "$4"; then
        keep "$1 $2"
        return 1
    fi
    change "$1 $2" put "$2" "$3" "$4"
}

# -- what was asked for --------------------------------------------------------------------------------------------

value() {
    if [ $# -lt 2 ] || [ -z "$2" ]; then
        usage >&2
        fail "$1: a value was expected after it" 2
    fi
}

arguments() {
    master='' name='' secret_file='' certificate='' projects='' swap=auto cmdline=no dry_run=no
    while [ $# -gt 0 ]; do
        case $1 in
        --master) value "$@" && master=$2 && shift ;;
        --name) value "$@" && name=$2 && shift ;;
        --secret-file) value "$@" && secret_file=$2 && shift ;;
        --certificate) value "$@" && certificate=$2 && shift ;;
        --projects) value "$@" && projects=$2 && shift ;;
        --swap) value "$@" && swap=$2 && shift ;;
        --cmdline) cmdline=yes ;;
        --dry-run) dry_run=yes ;;
        --help | -h)
            usage
            exit 0
            ;;
        *)
            usage >&2
            fail "unknown option \`$1\`" 2
            ;;
        esac
        shift
    done
    port=${master##*:}
    host=${master%:*}
    host=${host#\[}
    host=${host%\]}
    case $host in '' | *[!A-Za-z0-9._:%-]*) fail "--master: HOST:PORT was expected, not \`$master\`" 2 ;; esac
    case $port in '' | *[!0-9]* | "$master") fail "--master: HOST:PORT was expected, not \`$master\`" 2 ;; esac
    case $name in '' | *[!A-Za-z0-9._+-]*) fail "--name: the worker's name was expected, not \`$name\`" 2 ;; esac
    case $swap in
    auto | none) ;;
    *[KMGT]) case ${swap%?} in '' | *[!0-9]*) fail "--swap: auto, none or a size such as 12G was expected, not \`$swap\`" 2 ;; esac ;;
    *) fail "--swap: auto, none or a size such as 12G was expected, not \`$swap\`" 2 ;;
    esac
    if [ -n "$certificate" ]; then
        grep -q 'BEGIN CERTIFICATE' "$certificate" 2>/dev/null ||
            fail "--certificate: \`$certificate\` is not a file with a certificate (PEM)" 2
    fi
    for project in $(echo "$projects" | tr , ' '); do
        package_table | cut -d ' ' -f 1 | grep -qxF -- "$project" ||
            fail "--projects: nothing is known of \`$project\`; there are $(package_table | cut -d ' ' -f 1 | uniq | tr '\n' ' ')" 2
    done
    [ "$dry_run" = yes ] || [ "$(id -u)" -eq 0 ] || fail 'run it as root (sudo); --dry-run says what it would do' 2
}

# The distribution, and what it is like.
system() {
    distribution=''
    release=''
    if [ -r /etc/os-release ]; then
        # shellcheck disable=SC1091 # a file of the system
        distribution=$(. /etc/os-release && echo "${ID-}")
        # shellcheck disable=SC1091
        release=$(. /etc/os-release && echo "${VERSION_ID-}")
    fi
    case $distribution in
    debian | raspbian | ubuntu) ;;
    *) fail "this is ${distribution:-an unknown system}; Debian, Raspberry Pi OS and Ubuntu are known here" ;;
    esac
    architecture=$(dpkg --print-architecture)
    memory_mib=$(awk '$1 == "MemTotal:" { printf "%d", $2 / 1024 }' /proc/meminfo)
    systemd=no
    [ -d /run/systemd/system ] && systemd=yes
    echo "machine: $distribution-$release, $architecture, $memory_mib MB of RAM"
}

# -- packages ------------------------------------------------------------------------------------------------------

wanted_packages() {
    echo 'ca-certificates git python3 python3-venv'
    # PyPI has not all of the worker's packages ready for armhf: pip compiles the rest.
    [ "$architecture" != armhf ] || echo 'gcc libc6-dev libffi-dev python3-dev'
    for project in $(echo "$projects" | tr , ' '); do
        package_table | while read -r which machine system packages; do
            [ "$which" = "$project" ] || continue
            case $machine in '*' | "$architecture") ;; *) continue ;; esac
            case $system in '*' | "$distribution" | "$distribution-$release") echo "$packages" ;; esac
        done
    done
}

is_installed() {
    case $(dpkg-query -W -f '${db:Status-Status} ' "$1" 2>/dev/null) in
    *not-installed*) return 1 ;;
    *installed*) return 0 ;;
    esac
    return 1
}

# is_offered PACKAGE: can apt install it here?
is_offered() {
    case $(LC_ALL=C apt-cache policy "$1" 2>/dev/null) in
    '' | *'Candidate: (none)'*) return 1 ;;
    esac
}

absent_packages() {
    wanted_packages | tr ' ' '\n' | sort -u | while read -r package; do
        [ -z "$package" ] || is_installed "${package%\?}" || echo "$package"
    done
}

apt_get() {
    DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=600 "$@" </dev/null
}

# unknown_packages PACKAGE...: is one of them necessary, and not in the lists that apt has?
unknown_packages() {
    for package in "$@"; do
        case $package in
        *'?') ;;
        *) is_offered "$package" || return 0 ;;
        esac
    done
    return 1
}

# Has apt looked for packages today? What it does not know then, a release does not have.
have_fresh_lists() {
    for list in /var/lib/apt/lists/*Packages*; do
        [ -f "$list" ] && [ -n "$(find /var/lib/apt/lists -maxdepth 0 -mmin -1440)" ]
        return
    done
}

# What an interrupted dpkg left is mended first: boards lose their power.
install_packages() {
    dpkg --configure -a </dev/null && apt_get install -y --no-install-recommends "$@" >/dev/null
}

packages() {
    absent=$(absent_packages)
    # shellcheck disable=SC2086 # lists of words, here and below
    if unknown_packages $absent; then
        if [ "$dry_run" = yes ]; then
            # Without apt's lists nobody knows better.
            echo "would: packages, as far as apt-get update finds them:" $absent
            changes=$((changes + 1))
            return
        fi
        have_fresh_lists || apt_get update || note 'apt-get update failed; the lists that are there are used'
    fi
    offered=''
    for package in $absent; do
        case $package in
        *'?') is_offered "${package%?}" && offered="$offered ${package%?}" ;;
        *) if is_offered "$package"; then
            offered="$offered $package"
        else
            note "$distribution-$release does not offer the package $package"
        fi ;;
        esac
    done
    if [ -z "$offered" ]; then
        keep 'packages'
    else
        # shellcheck disable=SC2086
        change "packages:$offered" install_packages $offered
    fi
}

# -- swap ----------------------------------------------------------------------------------------------------------

# size_mib SIZE: 12G -> 12288
size_mib() {
    case $1 in
    *K) echo $((${1%?} / 1024)) ;;
    *M) echo "${1%?}" ;;
    *G) echo $((${1%?} * 1024)) ;;
    *T) echo $((${1%?} * 1024 * 1024)) ;;
    esac
}

# Four times the RAM, 2 to 8 GB, and no more than a quarter of the disk that is free (swap that is there counts as free).
automatic_swap_mib() {
    wanted=$((memory_mib * 4))
    [ "$wanted" -ge 2048 ] || wanted=2048
    [ "$wanted" -le 8192 ] || wanted=8192
    free=$(df -Pk /var | awk 'NR == 2 { printf "%d", $4 / 1024 }')
    most=$(((free + present_mib) / 4))
    [ "$wanted" -le "$most" ] || wanted=$most
    echo $((wanted / 64 * 64))
}

swap_space() {
    if [ "$swap" = none ]; then
        keep 'swap, left alone'
        return
    fi
    present_mib=$(awk '$1 == "SwapTotal:" { printf "%d", $2 / 1024 }' /proc/meminfo)
    if [ "$swap" = auto ]; then
        wanted_mib=$(automatic_swap_mib)
    else
        wanted_mib=$(size_mib "$swap")
    fi
    # A tenth less is as good: the board's figure is a round one.
    if [ "$present_mib" -ge $((wanted_mib * 9 / 10)) ] && [ "$swap" = auto ]; then
        keep "swap, $present_mib MB of it"
    elif [ -e /etc/rpi/swap.conf ] || [ -d /usr/lib/rpi-swap ]; then
        with_rpi_swap
    elif [ -e /etc/dphys-swapfile ] && command -v dphys-swapfile >/dev/null 2>&1; then
        with_dphys_swapfile
    else
        [ ! -e /usr/lib/systemd/system-generators/zram-generator ] || with_zram_generator
        if [ "$present_mib" -ge $((wanted_mib * 9 / 10)) ]; then
            keep "swap, $present_mib MB of it"
        else
            with_swap_file
        fi
    fi
}

# As much zram as RAM, compressed to about a third: the rest is for a file, which the kernel uses after it.
with_zram_generator() {
    content="# Written by bootstrap.sh of arm_ci.
[zram0]
zram-size = ram"
    if file 'zram as large as the RAM,' "/etc/systemd/zram-generator.conf.d/80-$WORKER.conf" 644 root:root; then
        if [ "$dry_run" = yes ]; then
            present_mib=$((present_mib + memory_mib))
        elif [ "$systemd" = no ] || ! start_zram; then
            reboot="$reboot zram"
        fi
    fi
}

start_zram() {
    systemctl daemon-reload && systemctl restart systemd-zram-setup@zram0.service 2>/dev/null &&
        present_mib=$(awk '$1 == "SwapTotal:" { printf "%d", $2 / 1024 }' /proc/meminfo)
}

# Raspberry Pi OS 13, rpi-swap (swap.conf(5)): its generator makes the file at the next start.
with_rpi_swap() {
    content="# Written by bootstrap.sh of arm_ci.
[Main]
Mechanism=swapfile
[File]
FixedSizeMiB=$wanted_mib
MaxSizeMiB=
MaxDiskPercent=90"
    if file "swap of $wanted_mib MB by rpi-swap," /etc/rpi/swap.conf.d/80-$WORKER.conf 644 root:root; then
        reboot="$reboot swap"
    fi
}

# Raspberry Pi OS up to 12. Its own limit is 2 GB unless CONF_MAXSWAP says otherwise.
with_dphys_swapfile() {
    current=$(sed -n 's/^CONF_SWAPSIZE=//p' /etc/dphys-swapfile | tail -n 1)
    limit=$(sed -n 's/^CONF_MAXSWAP=//p' /etc/dphys-swapfile | tail -n 1)
    if [ "$current" = "$wanted_mib" ] && [ "${limit:-0}" = "$wanted_mib" ]; then
        keep "swap of $wanted_mib MB by dphys-swapfile"
    else
        change "swap of $wanted_mib MB by dphys-swapfile (was ${current:-unset})" set_dphys_swapfile
    fi
}

set_dphys_swapfile() {
    content=$(sed '/^CONF_SWAPSIZE=/d; /^CONF_MAXSWAP=/d' /etc/dphys-swapfile
        echo "CONF_SWAPSIZE=$wanted_mib"
        echo "CONF_MAXSWAP=$wanted_mib")
    put /etc/dphys-swapfile 644 root:root && dphys-swapfile swapoff && dphys-swapfile setup >/dev/null &&
        dphys-swapfile swapon
}

# Everywhere else: what there is of zram and partitions stays, a file brings the rest.
with_swap_file() {
    ours_mib=0
    if [ -f "$SWAP_FILE" ]; then
        ours_mib=$(($(stat -c %s "$SWAP_FILE") / 1048576))
    fi
    missing_mib=$((wanted_mib - present_mib))
    if grep -q "^$SWAP_FILE " /proc/swaps; then
        missing_mib=$((missing_mib + ours_mib))
    fi
    missing_mib=$(((missing_mib + 63) / 64 * 64))
    free_mib=$(($(df -Pk /var | awk 'NR == 2 { printf "%d", $4 / 1024 }') + ours_mib))
    if [ "$ours_mib" -ge "$missing_mib" ]; then
        # A container shares the swap of its host, and may add none.
        if grep -q "^$SWAP_FILE " /proc/swaps; then
            keep "swap file $SWAP_FILE, $ours_mib MB"
        else
            activate_swap_file
        fi
    elif [ "$free_mib" -lt $((missing_mib + 512)) ]; then
        note "no swap file of $missing_mib MB: only $free_mib MB of disk are free; give --swap a smaller size"
    else
        change "swap file $SWAP_FILE, $missing_mib MB" make_swap_file
        [ "$dry_run" = yes ] || activate_swap_file
    fi
    swap_line="$SWAP_FILE none swap sw,nofail 0 0"
    if grep -q "^$SWAP_FILE " /etc/fstab 2>/dev/null; then
        keep 'swap file in /etc/fstab'
    elif [ -f "$SWAP_FILE" ] || [ "$dry_run" = yes ]; then
        change 'swap file in /etc/fstab' add_to_fstab
    fi
}

add_to_fstab() {
    content="$(cat /etc/fstab 2>/dev/null)
$swap_line"
    put /etc/fstab 644 root:root
}

make_swap_file() {
    if grep -q "^$SWAP_FILE " /proc/swaps; then
        swapoff "$SWAP_FILE" || return
    fi
    rm -f "$SWAP_FILE" || return
    # A file with holes is no swap file, and btrfs wants one that is not copied on writing.
    if [ "$(stat -f -c %T /var)" = btrfs ]; then
        touch "$SWAP_FILE" && chattr +C "$SWAP_FILE" || return
    fi
    (umask 077 && dd if=/dev/zero of="$SWAP_FILE" bs=1M count="$missing_mib" 2>/dev/null) && chmod 600 "$SWAP_FILE" &&
        mkswap "$SWAP_FILE" >/dev/null
}

activate_swap_file() {
    if [ "$dry_run" = no ] && ! swapon "$SWAP_FILE" 2>/dev/null; then
        note "$SWAP_FILE cannot be activated here; it is at the next start"
    fi
}

# -- user, worker, unit --------------------------------------------------------------------------------------------

user() {
    if getent passwd "$WORKER" >/dev/null; then
        keep "user $WORKER"
    else
        change "user $WORKER" useradd --system --user-group --home-dir "$HOME_DIRECTORY" --shell /usr/sbin/nologin "$WORKER"
    fi
    directory "$HOME_DIRECTORY" 750 "$WORKER"
}

# directory PATH MODE OWNER: is there afterwards, with that mode and owner
directory() {
    if [ "$(stat -c '%a %U' "$1" 2>/dev/null)" = "$2 $3" ]; then
        keep "directory $1"
    else
        change "directory $1" install -d -m "$2" -o "$3" -g "$3" "$1"
    fi
}

# Root owns it: a build cannot change the worker that runs it. Whether it is well is for the worker's user to find.
environment() {
    found=$(cd / && runuser -u "$WORKER" -- "$ENVIRONMENT/bin/python" -c "
import buildbot_worker, OpenSSL, service_identity
from importlib.metadata import version
print(version('buildbot-worker'))" 2>/dev/null)
    if [ "$found" = "$BUILDBOT_WORKER" ]; then
        keep "buildbot-worker $BUILDBOT_WORKER in $ENVIRONMENT"
    else
        change "buildbot-worker $BUILDBOT_WORKER in $ENVIRONMENT${found:+ (was $found)}" make_environment
    fi
}

make_environment() {
    python3 -m venv --clear "$ENVIRONMENT" &&
        PIP_ROOT_USER_ACTION=ignore PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 TMPDIR=/var/tmp \
            "$ENVIRONMENT/bin/python" -m pip install --quiet --no-input "buildbot-worker==$BUILDBOT_WORKER" \
            pyOpenSSL service-identity idna </dev/null &&
        # Twisted keeps a list of its plugins, which the worker could not write there.
        "$ENVIRONMENT/bin/twistd" --help >/dev/null
}

# The password comes from a file or from standard input, never from the command line, where everybody could read it.
secret() {
    installed=$ETC/secret
    if [ -n "$secret_file" ]; then
        [ -r "$secret_file" ] || fail "--secret-file: \`$secret_file\` cannot be read" 2
        content=$(head -n 1 "$secret_file")
    elif [ -t 0 ]; then
        [ -s "$installed" ] || [ "$dry_run" = yes ] || ask_for_secret
    else
        read -r content || :
    fi
    if [ -z "$content" ] && [ -s "$installed" ]; then
        keep "password in $installed"
    elif [ -z "$content" ] && [ "$dry_run" = no ]; then
        fail "no password: --secret-file FILE, or the password as the first line of standard input" 2
    elif [ -z "$content" ]; then
        echo "would: ask for the password"
    else
        file 'password in' "$installed" 640 "root:$WORKER" && restart=yes
    fi
}

ask_for_secret() {
    printf 'password of worker %s (it is not shown): ' "$name" >&2
    stty -echo
    read -r content || :
    stty echo
    echo >&2
}

worker() {
    restart=no
    directory "$ETC" 755 root
    directory "$ETC/trusted" 755 root
    content=''
    secret
    if [ -n "$certificate" ]; then
        content=$(cat "$certificate")
        file 'certificate of the master in' "$ETC/trusted/master.pem" 644 root:root && restart=yes
    elif [ -e "$ETC/trusted/master.pem" ]; then
        change "certificate of the master, no longer used" rm -f "$ETC/trusted/master.pem"
        restart=yes
    fi
    content=$(buildbot_tac)
    file 'worker' "$ETC/buildbot.tac" 644 root:root && restart=yes
    content=$(unit)
    file 'unit' "$UNIT" 644 root:root && restart=yes
    start
}

start() {
    if ! command -v systemctl >/dev/null 2>&1; then
        note 'there is no systemd here: start the worker yourself'
        return
    fi
    if [ "$(systemctl is-enabled "$WORKER.service" 2>/dev/null)" = enabled ]; then
        keep "$WORKER.service, enabled"
    else
        change "$WORKER.service, enabled" systemctl --quiet enable "$WORKER.service"
    fi
    if [ "$systemd" = no ]; then
        note 'systemd does not run here: the worker starts with the machine'
    elif [ "$restart" = no ] && systemctl --quiet is-active "$WORKER.service"; then
        keep "$WORKER.service, running"
    else
        [ "$dry_run" = yes ] || systemctl daemon-reload
        change "$WORKER.service, started" systemctl restart "$WORKER.service"
    fi
}

buildbot_tac() {
    cat <<TAC
# Written by bootstrap.sh of arm_ci; its next run writes it again.
host, port, name = "$host", $port, "$name"
directory = "$ETC"
TAC
    cat <<'TAC'
import os

import buildbot_worker.pb
from buildbot_worker.bot import Worker
from twisted.application import service
from twisted.internet import reactor
from twisted.internet.endpoints import clientFromString, quoteStringArgument
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.python import log

CERTIFICATE = os.path.join(directory, "trusted", "master.pem")
MASTER = "the master at {}:{}".format(host, port)
SILENCE_SECONDS = 20


class Telling:
    """An endpoint that says why there is no connection; by itself the worker only says that it tries again."""

    def __init__(self, endpoint):
        self._endpoint = endpoint
        self._said = ""

    def connect(self, factory):
        return self._endpoint.connect(factory).addCallbacks(self._watch, self._failed)

    def _watch(self, protocol):
        lost, received = protocol.connectionLost, protocol.dataReceived
        silence = reactor.callLater(SILENCE_SECONDS, self._say, "{} is silent: does it expect TLS?".format(MASTER))

        def data_received(data):
            protocol.dataReceived = received
            if silence.active():
                silence.cancel()
            received(data)

        def connection_lost(reason):
            if silence.active():
                silence.cancel()
            if not reason.check(ConnectionDone, ConnectionLost):
                self._say(untrusted(reason))
            lost(reason)

        protocol.connectionLost, protocol.dataReceived = connection_lost, data_received
        return protocol

    def _failed(self, reason):
        self._say("{} does not answer: {}".format(MASTER, reason.getErrorMessage()))
        return reason

    def _say(self, sentence):
        if sentence != self._said:
            log.msg(sentence)
        self._said = sentence


def untrusted(reason):
    """Why TLS failed, in a sentence."""
    errors = getattr(reason.value, "args", None) or [[]]
    said = ", ".join(str(each[-1]) for each in errors[0]) if isinstance(errors[0], list) else reason.getErrorMessage()
    if "certificate verify failed" in said:
        return "{} is not trusted, and was told nothing: its certificate is neither {} nor signed by that one".format(
            MASTER, CERTIFICATE
        )
    return "TLS with {} failed: {}; is that the port of `tls` in its site.yaml?".format(MASTER, said)


def endpoint():
    """Where the master is, as Twisted writes it; with TLS when there is a certificate to trust."""
    address = "tcp:{}:{}".format(quoteStringArgument(host), port)
    if not os.path.exists(CERTIFICATE):
        return address
    from cryptography import x509

    with open(CERTIFICATE, "rb") as file:
        certificate = x509.load_pem_x509_certificate(file.read())
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        named = names.get_values_for_type(x509.DNSName)
    except x509.ExtensionNotFound:
        named = []  # that of a CA: the master's own must be for the address
    return "tls:{}:{}:trustRoots={}:endpoint={}".format(
        quoteStringArgument(host if host in named or not named else named[0]),
        port,
        quoteStringArgument(os.path.dirname(CERTIFICATE)),
        quoteStringArgument(address),
    )


def ordinary_oom_score():
    """The kernel spares the worker when memory runs out; what it starts shall go before it."""
    try:
        with open("/proc/self/oom_score_adj", "w") as file:
            file.write("300")
    except OSError:
        pass


os.register_at_fork(after_in_child=ordinary_oom_score)

with open(os.path.join(directory, "secret")) as file:
    password = file.read().strip()

buildbot_worker.pb.clientFromString = lambda reactor, text: Telling(clientFromString(reactor, text))
application = service.Application("buildbot-worker")
worker = Worker(
    None, None, name, password, os.getcwd(), keepalive=60, umask=0o022, maxdelay=60, connection_string=endpoint()
)
worker.setServiceParent(application)
TAC
}

unit() {
    cat <<UNIT
# Written by bootstrap.sh of arm_ci; its next run writes it again. Changes of your own: systemctl edit $WORKER
[Unit]
Description=Buildbot worker $name of arm_ci
After=network-online.target
Wants=network-online.target
StartLimitIntervalSec=0

[Service]
Type=exec
User=$WORKER
WorkingDirectory=$HOME_DIRECTORY
ExecStart=$ENVIRONMENT/bin/twistd --nodaemon --no_save --pidfile= --python=$ETC/buildbot.tac
Restart=always
RestartSec=10
UMask=0022
# Who reads the kernel's log knows for certain what the kernel killed.
SupplementaryGroups=systemd-journal

# Memory. The kernel spares the worker; what it runs raises its own score (buildbot.tac, the agent). A compiler that is
# killed must not end the worker, and the system keeps something for itself. Builds make cgroups of their own.
OOMScoreAdjust=-500
OOMPolicy=continue
Delegate=yes
MemoryMax=95%
TasksMax=4096
LimitCORE=0

# Rights: none beyond its own directory. What builds and their tests need stays: to see all processes (who else took the
# memory), code written while it runs (JIT compilers), personality and ptrace (sanitizers).
NoNewPrivileges=yes
CapabilityBoundingSet=
AmbientCapabilities=
ProtectSystem=strict
ReadWritePaths=$HOME_DIRECTORY
ProtectHome=yes
PrivateTmp=yes
PrivateDevices=yes
ProtectClock=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
RemoveIPC=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service @debug
SystemCallErrorNumber=EPERM

[Install]
WantedBy=multi-user.target
UNIT
}

# -- the kernel's command line -------------------------------------------------------------------------------------

# has_memory_cgroup: is the memory controller on? /proc/cgroups no longer names it where only version 2 is built in.
has_memory_cgroup() {
    awk '$1 == "memory" { found = $4 } END { exit found != 1 }' /proc/cgroups 2>/dev/null ||
        grep -qw memory /sys/fs/cgroup/cgroup.controllers 2>/dev/null
}

has_pressure() {
    cat /proc/pressure/memory >/dev/null 2>&1
}

kernel_words() {
    has_memory_cgroup || printf ' cgroup_enable=memory'
    has_pressure || printf ' psi=1'
}

command_line() {
    words=$(kernel_words)
    if [ -z "$words" ]; then
        keep 'kernel: memory cgroups and memory pressure are on'
        return
    fi
    for line in /boot/firmware/cmdline.txt /boot/cmdline.txt ''; do
        [ -n "$line" ] && [ -f "$line" ] && break
    done
    if [ -n "$line" ]; then
        absent=''
        for word in $words; do
            grep -qw -- "$word" "$line" || absent="$absent $word"
        done
        where=$line
    else
        absent=$words
        where=$KERNEL_WORDS_GRUB
        content="# Written by bootstrap.sh of arm_ci.
GRUB_CMDLINE_LINUX=\"\$GRUB_CMDLINE_LINUX$words\""
        if grep -qF -- "$words" "$where" 2>/dev/null; then
            absent=''
        fi
    fi
    if [ -z "$absent" ]; then
        keep "kernel: $where has$words"
        reboot="$reboot kernel"
    elif [ "$cmdline" = no ]; then
        note "the kernel's command line lacks$absent: builds are watched less sharply; --cmdline writes that into $where"
    elif [ -n "$line" ]; then
        change "kernel: $line gets$absent" add_kernel_words
        reboot="$reboot kernel"
    elif command -v update-grub >/dev/null 2>&1; then
        change "kernel: $where with$words" put_grub_words
        reboot="$reboot kernel"
    else
        note "the kernel's command line lacks$absent, and there is neither a cmdline.txt nor GRUB to write that to"
    fi
}

add_kernel_words() {
    # One line, whatever was there: the firmware reads only the first. FAT has neither modes nor owners.
    printf '%s%s\n' "$(head -n 1 "$line")" "$absent" >"$line.new" && mv -f "$line.new" "$line"
}

put_grub_words() {
    put "$where" 644 root:root && update-grub 2>/dev/null
}

# -- all of it -----------------------------------------------------------------------------------------------------

main() {
    # Whoever calls may have a stricter one, and the worker's user must be able to read its programs.
    umask 022
    arguments "$@"
    system
    packages
    swap_space
    user
    environment
    worker
    command_line
    for each in $reboot; do
        note "the $each as it is set now needs a restart of this machine"
    done
    if [ "$changes" -eq 0 ]; then
        echo 'bootstrap: nothing to change'
    elif [ "$dry_run" = yes ]; then
        echo "bootstrap: $changes to change, nothing was"
    else
        echo "bootstrap: $changes changed"
    fi
}

main "$@"
