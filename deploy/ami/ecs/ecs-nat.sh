#!/bin/sh
# ecs-nat.sh start|stop: what is sent to 169.254.170.2:80, ECS's task credentials, goes to the agent on 127.0.0.1:51679 (B35). Mandelboxes do not get that far:
# firewall.sh drops their packets to that address before. Both may be repeated.
set -eu
PATH=$PATH:/usr/sbin:/sbin
nat() { iptables -w 10 -t nat "$@"; }

# From other interfaces; from the host itself.
rules='PREROUTING -d 169.254.170.2/32 -p tcp -m tcp --dport 80 -j DNAT --to-destination 127.0.0.1:51679
OUTPUT -d 169.254.170.2/32 -p tcp -m tcp --dport 80 -j REDIRECT --to-ports 51679'

each() { # -A|-D: for the rules that are not there, or that are
  printf '%s\n' "$rules" | while read -r rule; do
    # shellcheck disable=SC2086 # Words of a rule.
    case $1 in
      -A) nat -C $rule 2>/dev/null || nat -A $rule ;;
      -D) while nat -C $rule 2>/dev/null; do nat -D $rule; done ;;
    esac
  done
}

case ${1:-} in
  start) each -A ;;
  stop) each -D ;;
  *)
    echo "usage: $0 start|stop" >&2
    exit 2
    ;;
esac
