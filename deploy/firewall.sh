#!/bin/sh
# firewall.sh start|stop|status: keeps mandelboxes from the addresses that hand out the host's identity and credentials (B35).
# 169.254.169.254: EC2's instance metadata; 169.254.170.2: ECS task credentials; fd00:ec2::254: the former over IPv6.
#
# A chain of our own in the raw table, which packets from containers pass before anything else: before Docker's rules, before the ECS agent's
# redirection of 169.254.170.2 to itself, and whether the address lies on another machine or on this one. What the host itself sends does not
# pass it, save over lo, which is let through. start may be repeated; stop leaves nothing behind and may be repeated too.
set -eu
chain=HOST-SERVICE-METADATA

v4() { iptables -w 10 -t raw "$@"; }
v6() { ip6tables -w 10 -t raw "$@"; }

add() { # v4|v6, address…
  family=$1
  shift
  "$family" -N $chain 2>/dev/null || "$family" -F $chain
  for address in "$@"; do "$family" -A $chain -d "$address" -j DROP; done
  "$family" -C PREROUTING ! -i lo -j $chain 2>/dev/null || "$family" -I PREROUTING ! -i lo -j $chain
}

remove() { # v4|v6
  while "$1" -D PREROUTING ! -i lo -j $chain 2>/dev/null; do :; done
  "$1" -F $chain 2>/dev/null || return 0
  "$1" -X $chain
}

has_ipv6() { [ -e /proc/net/if_inet6 ] && v6 -S PREROUTING >/dev/null 2>&1; }

case ${1:-} in
  start)
    add v4 169.254.169.254 169.254.170.2
    if has_ipv6; then add v6 fd00:ec2::254; fi
    ;;
  stop)
    remove v4
    if has_ipv6; then remove v6; fi
    ;;
  status)
    v4 -S $chain
    if has_ipv6; then v6 -S $chain; fi
    ;;
  *)
    echo "usage: $0 start|stop|status" >&2
    exit 2
    ;;
esac
