#!/bin/sh
# The whole set-up on a fresh Debian or Ubuntu machine (Debian 12, Ubuntu 24.04 or newer), as root or with sudo:
#   sh bootstrap.sh demo [OPTIONS]   install packages, build, run the main job (options go to `scopegrad demo`)
#   sh bootstrap.sh test             install packages, build, run every test; last line: N passed, N failed[, N skipped]
#   sh bootstrap.sh build            install packages, build into build/
#   sh bootstrap.sh install          the same, then `meson install` (command, library, headers)
# Run again, it installs nothing and builds what has changed. Elsewhere it prints what to install and stops.
set -eu

# The one list of packages. Optional: oneDNN (without it the plain C convolutions run: slower, the same numbers) and Open
# MPI (without it `train` runs as one process).
packages='gcc libc6-dev meson ninja-build pkg-config libfftw3-dev libhdf5-dev libtiff-dev libpng-dev libjpeg-dev libmatio-dev
libyaml-dev librandom123-dev libcjson-dev libexpat1-dev libxxhash-dev libcmocka-dev gnuplot-nox'
optional='libdnnl-dev libopenmpi-dev openmpi-bin'

root=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
build=$root/build

fail() {
    printf 'bootstrap.sh: %s\n' "$*" >&2
    exit 1
}

usage() {
    sed -n '3,6s/^# *//p' "$root/bootstrap.sh"
}

# The packages of "$@" that are not installed, on one line; one call of dpkg-query, which takes milliseconds.
missing() {
    dpkg-query --show --showformat '${db:Status-Status} ${Package}\n' "$@" 2>/dev/null |
        awk -v wanted="$*" '$1 == "installed" { have[$2] = 1 }
            END { n = split(wanted, name); for (i = 1; i <= n; i++) if (!(name[i] in have)) printf "%s ", name[i] }'
}

# Those of "$@" that the system offers.
known() {
    for package in "$@"; do
        apt-cache show "$package" >/dev/null 2>&1 && printf '%s ' "$package"
    done
    return 0
}

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

apt() {
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -o Dpkg::Use-Pty=0 "$@" >"$log" 2>&1 ||
        { cat "$log" >&2; return 1; }
}

install_packages() {
    command -v apt-get >/dev/null && command -v dpkg-query >/dev/null ||
        fail "this is not Debian or Ubuntu: install by hand (names as there):" $packages "and, if there is one," $optional
    # shellcheck disable=SC2086 # the lists are split on purpose
    need=$(missing $packages)
    extra=$(missing $optional)
    if [ -z "$need" ]; then
        # Optional packages that this system does not know are not asked for again.
        extra=$(known $extra)
        [ -n "$extra" ] && { [ "$(id -u)" = 0 ] || command -v sudo >/dev/null; } ||
            return 0
    fi
    [ "$(id -u)" = 0 ] || command -v sudo >/dev/null ||
        fail "packages are missing and this is neither root nor sudo; run: apt-get install --no-install-recommends" $need $extra
    printf 'bootstrap.sh: installing %s\n' "$need$extra"
    log=$(mktemp)
    trap 'rm -f "$log"' EXIT
    apt update || fail "apt-get update failed"
    [ -z "$need" ] || apt install --no-install-recommends -y $need || fail "could not install: $need"
    for package in $extra; do
        apt install --no-install-recommends -y "$package" 2>/dev/null ||
            printf 'bootstrap.sh: %s not available here; going on without\n' "$package"
    done
}

build_all() {
    if [ ! -f "$build/build.ninja" ]; then
        printf 'bootstrap.sh: building (minutes, once)\n'
        # lib: where ld.so and pkg-config look; without dpkg-dev Meson would choose lib64
        text=$(meson setup --libdir=lib "$build" "$root" 2>&1) || fail "$text"
    fi
    ninja -C "$build" --quiet
}

command=${1-}
[ $# = 0 ] || shift
case $command in
demo | test | build | install) ;;
help | -h | --help) usage; exit 0 ;;
*) usage >&2; exit 2 ;;
esac

install_packages
build_all
case $command in
demo) exec "$build/scopegrad" demo "$@" ;;
test)
    # The count below decides; meson only runs the programs and keeps what they print.
    rm -f "$build/meson-logs/testlog.json"
    meson test -C "$build" --no-rebuild --quiet "$@" || true
    exec python3 "$root/tests/count.py" "$build"
    ;;
install)
    as_root meson install -C "$build" --no-rebuild --quiet
    as_root ldconfig
    printf 'bootstrap.sh: installed; scopegrad --help\n'
    ;;
esac
