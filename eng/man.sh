#!/usr/bin/env bash
# Prints the manual page host-service(1), made of the help of build/host-service and of the exit codes in README.md.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source eng/help.sh

# Help as the parser lays it out: headings at the margin, below them two columns, which two or more blanks divide.
to_roff() {
  awk '
    function text(s) { gsub(/\\/, "\\e", s); gsub(/-/, "\\-", s); sub(/^[.\x27]/, "\\\\\\&&", s); return s }
    /^[A-Z].*:$/ { heading = $0; next }
    heading ~ /^Additional/ || heading ~ /^Commands/ || $0 == "" { next }
    heading ~ /^Description/ { sub(/^ +/, ""); print ".P"; print text($0); next }
    heading ~ /^Usage/ { sub(/^ +/, ""); sub(/ *\[\[--\].*/, ""); print ".P"; print ".B " text($0); next }
    { sub(/^ +/, ""); at = match($0, /  +/)
      print ".TP"
      print ".B " text(at ? substr($0, 1, at - 1) : $0)
      if (at) print text(substr($0, at + RLENGTH)) }'
}

version=$(build/host-service version | awk '{ print $2 }')
echo ".TH HOST\\-SERVICE 1 \"\" \"host\\-service ${version//-/\\-}\" \"System Administration\""
echo '.SH NAME'
echo 'host\-service \- runs mandelboxes, containers that stream one app to one user'
echo '.SH SYNOPSIS'
echo '.B host\-service'
echo '.RI [ command ] " " [ options ]'
echo '.SH DESCRIPTION'
help_of | to_roff
echo '.SH COMMANDS'
commands | while read -ra command; do
  name=${command[*]}
  echo ".SS ${name//-/\\-}"
  help_of "${command[@]}" | to_roff
done
echo '.SH EXIT STATUS'
awk -F ' *[|] *' '/^\| exit code / { on = 1; next } on && !/^\|/ { exit } on && $2 ~ /^[0-9]/ { gsub(/`/, "", $3); gsub(/-/, "\\-", $3); print ".TP\n.B " $2 "\n" $3 }' README.md
echo '.SH FILES'
for file in /etc/host-service/appsettings.json /etc/host-service/environment; do
  printf '.TP\n.I %s\n' "${file//-/\\-}"
done
echo 'Configuration: any key, and APP_ENV and secrets.'
echo '.SH SEE ALSO'
echo '/usr/share/host\-service/README.md'
