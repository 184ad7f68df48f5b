#!/usr/bin/env bash
# Brings this machine to where the project runs: `bash scripts/setup.sh [node|lab]` (default lab). Meant to be sourced
# by with-setup.sh too, for the PATH. `node`: the toolchain and the build. `lab`: that, and Debian's packages.
# Needs git, Node 20 and npm at first; says in one line what is missing. Quick when nothing is to do.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"

say() { printf '%s\n' "$*" >&2; }
give_up() {
  say "$1"
  exit 3
}

# What the lab cannot be without, asked first: nobody shall wait for an installation to hear this.
require_lab_machine() {
  local works='`npm run test:unit` works here: it needs neither root nor Linux.'
  [ "$(uname -s)" = Linux ] || give_up "The lab needs Linux and its network namespaces, this is $(uname -s). $works"
  [ "$(id -u)" = 0 ] || give_up "The lab needs root, to make network namespaces. $works"
  command -v apt-get >/dev/null && command -v dpkg-query >/dev/null ||
    give_up "The lab takes its router and laptop from Debian's packages, and here is no apt-get. $works"
  unshare --net true 2>/dev/null ||
    give_up "This container may not make network namespaces (run it with --privileged). $works"
}

# One set-up at a time in one checkout; the lock goes with its holder.
take_turns() {
  mkdir -p .setup
  command -v flock >/dev/null || return 0
  exec 9>.setup/lock
  flock 9
}

install_node_modules() {
  local stamp=node_modules/.kubevip-lock digest
  digest=$(cksum <package-lock.json)
  if [ -d node_modules ]; then
    [ "$(cat $stamp 2>/dev/null)" != "$digest" ] || return 0
    # Installed by hand, and not before the lock was last changed: good.
    if [ ! -e $stamp ] && [ ! package-lock.json -nt node_modules/.package-lock.json ]; then
      printf '%s\n' "$digest" >$stamp
      return 0
    fi
  fi
  command -v npm >/dev/null || give_up 'npm is missing: install Node 20 or later, with npm.'
  say 'Installing the toolchain (npm ci) …'
  # Without node_modules/.bin: npm must not run on a Node that it is about to replace.
  PATH=${PATH//"$root/node_modules/.bin:"/} npm ci --loglevel=error --no-audit --no-fund </dev/null >&2
  printf '%s\n' "$digest" >$stamp
}

require_node() {
  export PATH="$root/node_modules/.bin:$PATH"
  local version
  version=$(node --version 2>/dev/null || true)
  case $version in
    v24.* | v2[6-9].* | v[3-9]?.*) ;;
    *) give_up "The project is built and tested with Node 24 or later, and npm ci brought none for this machine ($(uname -sm)); found ${version:-none}. Install Node 24." ;;
  esac
}

build_if_older() {
  if [ -e dist/.built ]; then
    local newer
    newer=$(find src bin scripts/build.js scripts/bundle-agent.js scripts/build-help.js package.json tsconfig.json \
      tsconfig.build.json -newer dist/.built -print -quit)
    [ -n "$newer" ] || return 0
  fi
  node scripts/build.js >&2
}

install_packages() {
  local wanted missing=() package installed
  wanted=$(grep -v '^#' scripts/debian-packages)
  # kubectl from anywhere is good; Debian's is only for those who have none.
  command -v kubectl >/dev/null || wanted+=$'\nkubernetes-client'
  # shellcheck disable=SC2086
  installed=$(dpkg-query -W -f='${Package} ${db:Status-Status}\n' $wanted 2>/dev/null || true)
  for package in $wanted; do
    case $'\n'$installed$'\n' in
      *$'\n'"$package installed"$'\n'*) ;;
      *) missing+=("$package") ;;
    esac
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  say "Installing Debian packages: ${missing[*]} …"
  # In a subshell, so that its trap takes the policy away again whatever happens.
  (
    deny_service_starts
    apt_quietly update && apt_quietly install "${missing[@]}"
  ) || give_up "Installing Debian packages failed; what apt said is in $root/.setup/apt.log"
  # The daemons are for the lab's namespaces; at the next boot they shall not come up outside of them either.
  local unit
  for unit in avahi-daemon:avahi-daemon.socket avahi-daemon:avahi-daemon.service bird2:bird.service frr:frr.service \
    gobgpd:gobgpd.service etcd-server:etcd.service kea-dhcp6-server:kea-dhcp6-server.service; do
    case " ${missing[*]} " in
      *" ${unit%%:*} "*)
        if [ -d /run/systemd/system ]; then
          systemctl disable --quiet "${unit#*:}" >>.setup/apt.log 2>&1 || true
        fi
        ;;
    esac
  done
}

# apt-get as a script wants it: no questions, no terminal, patient with others, its words in a log.
apt_quietly() {
  local command=$1
  shift
  DEBIAN_FRONTEND=noninteractive apt-get "$command" -y -q --no-install-recommends \
    -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 "$@" </dev/null >>.setup/apt.log 2>&1
}

# Debian starts a daemon as soon as it is installed, unless this says no. A policy that is there already stays.
deny_service_starts() {
  local policy=/usr/sbin/policy-rc.d
  [ ! -e $policy ] || return 0
  trap "rm -f $policy" EXIT
  printf '#!/bin/sh\nexit 101\n' >$policy
  chmod 755 $policy
}

setup() {
  case $1 in
    node | lab) ;;
    *) give_up "usage: setup.sh [node|lab], not ${1}" ;;
  esac
  [ "$1" = node ] || require_lab_machine
  take_turns
  install_node_modules
  require_node
  [ "$1" = node ] || install_packages
  build_if_older
  exec 9>&-
}

if [ "${BASH_SOURCE[0]}" = "$0" ]; then setup "${1:-lab}"; fi
