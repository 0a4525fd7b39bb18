# Read by docs.sh and man.sh with "source": the help of build/host-service.
[ -x build/host-service ] || { echo 'there is no build/host-service; run "make build" first' >&2; exit 2; }

# Without trailing white space, empty lines at the end and the random default of --id.
help_of() { # [command]
  build/host-service "$@" --help | sed -E 's/[[:space:]]*$//; s/cli-[0-9a-f]{8}/cli-<8 hex digits>/' | sed -e :a -e '/^\n*$/{$d;N;ba' -e '}'
}

# The names below "Commands:", first word of each line.
names_of() { # [command]
  build/host-service "$@" --help | sed -n '/^Commands:/,$p' | awk '/^  [a-z]/ { print $1 }'
}

# Every command, each followed by those below it, as in "fleet hosts".
commands() {
  names_of | while read -r command; do
    echo "$command"
    names_of "$command" | sed "s/^/$command /"
  done
}
