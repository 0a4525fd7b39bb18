#!/bin/sh
# firewall.sh start|repair|stop|status|check: drops the packets of mandelboxes that must not arrive (B35). The unit host-service-firewall runs it at boot.
# The service has a copy, and runs "repair" when it starts and every 30 s, in case somebody flushed the rules.
#
#   127.0.0.0/8                      to or from. With route_localnet=1, which the ECS agent needs, the kernel hands such packets from a
#                                    container to programs that listen on the host's loopback only, such as Orleans' silo, which has no
#                                    authentication.
#   169.254.169.254, fd00:ec2::254   EC2's instance metadata
#   169.254.170.2                    ECS task credentials
#
# ::1 needs no rule: the kernel drops packets to or from it that arrive on another interface than lo, and no setting changes that.
#
# The rules are in a chain of our own in the raw table. Packets from containers pass it before Docker's rules and before any DNAT, and
# whether the address lies on another machine or on this one. So a DNAT to 127.0.0.1 still works: it changes the address after the raw
# table. What the host itself sends enters on lo, if at all, and is let through.
#
# start adds the rules that are missing, and prints them, one a line; the others stay in force meanwhile. stop removes them all. Both may be
# repeated. check prints what start would add, and Docker's own rule for published ports where that is missing, and changes nothing. repair
# does as start, and prints Docker's rule as well, which only Docker can load.
set -eu
PATH=$PATH:/usr/sbin:/sbin
chain=HOST-SERVICE

v4() { iptables -w 10 -t raw "$@"; }
v6() { ip6tables -w 10 -t raw "$@"; }

change() { [ "$command" = check ] || "$@"; }

add() { # v4|v6, "-s|-d address"…
  family=$1
  shift
  change "$family" -N $chain 2>/dev/null || true
  for match in "$@"; do
    # shellcheck disable=SC2086 # Two words.
    "$family" -C $chain $match -j DROP 2>/dev/null || {
      change "$family" -A $chain $match -j DROP
      echo "! -i lo $match -j DROP"
    }
  done
  "$family" -C PREROUTING ! -i lo -j $chain 2>/dev/null || {
    change "$family" -I PREROUTING ! -i lo -j $chain
    echo "PREROUTING ! -i lo -j $chain"
  }
}

remove() { # v4|v6
  while "$1" -D PREROUTING ! -i lo -j $chain 2>/dev/null; do :; done
  "$1" -F $chain 2>/dev/null || return 0
  "$1" -X $chain
}

has_ipv6() { [ -e /proc/net/if_inet6 ] && v6 -S PREROUTING >/dev/null 2>&1; }

command=${1:-}
case $command in
  start | repair | check)
    command -v iptables >/dev/null || { echo 'iptables is not installed (Debian and Ubuntu: apt-get install iptables)' >&2; exit 1; }
    # Says so when it may not.
    v4 -S PREROUTING >/dev/null
    add v4 '-d 127.0.0.0/8' '-s 127.0.0.0/8' '-d 169.254.169.254' '-d 169.254.170.2'
    if has_ipv6; then add v6 '-d fd00:ec2::254'; fi
    if [ "$command" != start ] && ! iptables -w 10 -t nat -S PREROUTING | grep -q -e '-j DOCKER'; then
      echo 'nat PREROUTING -j DOCKER'
    fi
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
    echo "usage: $0 start|repair|stop|status|check" >&2
    exit 2
    ;;
esac
