#!/usr/bin/env bash
# Sets up what is missing, then runs a command with the project's Node first on the PATH:
#   bash scripts/with-setup.sh <node|lab> -- CMD…
set -euo pipefail

if [ $# -lt 3 ] || [ "$2" != -- ]; then
  printf 'usage: with-setup.sh <node|lab> -- COMMAND …\n' >&2
  exit 2
fi
# shellcheck source=scripts/setup.sh
. "$(dirname "${BASH_SOURCE[0]}")/setup.sh"
setup "$1"
shift 2
exec "$@"
