# Shared by the scripts beside it: versions, settings, where things are. Sourced, not run.
# shellcheck shell=bash
set -Eeuo pipefail
trap 'echo "k8s: ${0##*/} line $LINENO: failed: ${BASH_COMMAND:0:120}" >&2' ERR

kubernetes=v1.37.2
helm=v3.22.0
kubeconform=v0.8.0

[ -n "${HOME:-}" ] || { HOME=$(getent passwd "$(id -u)" | cut -d: -f6) && export HOME; }
command -v go >/dev/null || PATH=$PATH:/usr/local/go/bin:/usr/lib/go/bin:$HOME/go/bin
: "${BLFBRIDGE_K8S_NAME:=lab}"   # clusters of different names run side by side
: "${BLFBRIDGE_K8S_PORT:=16443}" # the API server's, on 127.0.0.1 and on the node
: "${BLFBRIDGE_K8S_CACHE:=${XDG_CACHE_HOME:-$HOME/.cache}/blfbridge/k8s}"
: "${BLFBRIDGE_K8S_TTL:=7200}" # seconds after which a forgotten node ends by itself
: "${BLFBRIDGE_K8S_NICE:=10}"  # niceness of what is built

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cluster=$BLFBRIDGE_K8S_CACHE/run/$BLFBRIDGE_K8S_NAME # all of one cluster; `down` removes it
kubeconfig=$cluster/kubeconfig
goversion=$(go env GOVERSION 2>/dev/null || true)
# Programs are kept in a folder for each content of their source, versions and compiler.
tools=$BLFBRIDGE_K8S_CACHE/tools-$(echo "$helm $kubeconform $kubernetes $goversion" | sha256sum | cut -c 1-12)
programs=$BLFBRIDGE_K8S_CACHE/node-$({ echo "$kubernetes $tools $goversion" && cat "$here"/node/go.* "$here"/node/*.go "$here"/node/pause/*.go; } | sha256sum | cut -c 1-12)

# Addresses in the node's own network; nothing else on the machine sees them.
node_ip=10.77.0.1    # node1, and pods with hostNetwork
outside_ip=10.77.0.2 # a host beside the cluster: a PBX, phones
dns_ip=10.77.0.53
pool=10.77.0. pool_first=200 pool_last=219 # for Services of type LoadBalancer
pods=10.244.0.0/24
services=10.96.0.0/16 services_dns=10.96.0.10

say() { printf 'k8s %s: %s\n' "$BLFBRIDGE_K8S_NAME" "$*" >&2; }
fail() { say "$*"; exit 1; }

# started PID: when it started, in clock ticks since boot: with it, a number that was used again is told apart.
started() {
  local stat
  stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 1
  stat=${stat##*) }
  # shellcheck disable=SC2086
  set -- $stat
  echo "${20}"
}
# note FILE PID; noted FILE prints the PID while that very process runs.
note() { echo "$2 $(started "$2")" >"$1"; }
noted() {
  local pid since
  read -r pid since 2>/dev/null <"$1" && [ "$(started "$pid")" = "$since" ] && echo "$pid"
}
node() { noted "$cluster/node.pid"; }

# debian COMMAND=PACKAGE...: installs the packages of the commands that are missing, without starting their services.
debian() {
  local wanted=() entry
  for entry; do command -v "${entry%%=*}" >/dev/null || wanted+=("${entry#*=}"); done
  [ ${#wanted[@]} -gt 0 ] || return 0
  if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    fail "these packages are missing and only root on Debian can install them: ${wanted[*]}"
  fi
  say "installing ${wanted[*]}"
  export DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 # 1: packages start no service
  apt-get install -y -qq --no-install-recommends "${wanted[@]}" >&2 </dev/null ||
    { apt-get update -qq && apt-get install -y -qq --no-install-recommends "${wanted[@]}"; } >&2 </dev/null ||
    fail "apt cannot install ${wanted[*]}"
}
