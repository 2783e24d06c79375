# Shared by up, down and cli: where things are. Sourced, not run.
name=${BLFBRIDGE_ASTERISK_NAME:-lab}
root=${BLFBRIDGE_ASTERISK_ROOT:-${XDG_CACHE_HOME:-$HOME/.cache}/blfbridge/asterisk/root}
host=${BLFBRIDGE_ASTERISK_HOST:-127.0.0.1}
sip=${BLFBRIDGE_ASTERISK_SIP_PORT:-15760}
sips=${BLFBRIDGE_ASTERISK_SIPS_PORT:-}
six=${BLFBRIDGE_ASTERISK_IPV6:-}
http=${BLFBRIDGE_ASTERISK_HTTP_PORT:-18760}
rtp=${BLFBRIDGE_ASTERISK_RTP:-19000-19198}
inst=blfbridge-$name
rundir=/run/$inst
pidfile=$root$rundir/asterisk.pid

say() { printf 'asterisk %s: %s\n' "$name" "$*" >&2; }
# fail CODE TEXT: 1 = Asterisk is here but does not work, 2 = wrong use, 3 = no Asterisk can be had here.
fail() { c=$1; shift; say "$*"; exit "$c"; }
in_root() {
  env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C DEBIAN_FRONTEND=noninteractive chroot "$root" "$@"
}
# running: the pid file names a process whose root is ours (not another one that got its number).
running() {
  [ -s "$pidfile" ] || return 1
  pid=$(cat "$pidfile")
  [ "$(readlink "/proc/$pid/root" 2>/dev/null)" = "$(readlink -f "$root")" ]
}
case $name in *[!a-z0-9]* | '') fail 2 "instance name '$name': lower-case letters and digits only" ;; esac
