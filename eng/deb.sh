#!/usr/bin/env bash
# Makes build/host-service_<version>_amd64.deb of build/host-service: what deploy/install.sh installs, with the control files of deploy/deb, a
# manual page and the shell's completion. Needs dpkg-deb only. The version is that of the binary.
#   OUT=build                        where the package goes
#   DPKG_DEB_COMPRESSOR_TYPE=xz      gzip is quicker and larger
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
binary=build/host-service
[ -x "$binary" ] || { echo 'there is no build/host-service; run "make build" first' >&2; exit 2; }
version=$("$binary" version | awk '{ print $2 }')
out=${OUT:-build}/host-service_${version}_amd64.deb

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
root=$work/root
doc=$root/usr/share/doc/host-service
install -d -m 755 "$root/DEBIAN" "$doc"

DESTDIR=$root PREFIX=/usr SYSCONFDIR=/etc BINARY=$PWD/$binary deploy/install.sh install
# A second name of the binary, which deploy/deb/postinst makes: as a file of the package, an upgrade would replace it under the running service.
rm "$root/usr/libexec/host-service/host-service"

put_gz() { # target, from standard input
  install -d -m 755 "$(dirname "$1")"
  gzip -9n >"$1"
  chmod 644 "$1"
}
eng/man.sh | put_gz "$root/usr/share/man/man1/host-service.1.gz"
install -d -m 755 "$root/usr/share/bash-completion/completions"
"$binary" completion bash >"$root/usr/share/bash-completion/completions/host-service"
install -m 644 deploy/deb/copyright "$doc/copyright"
install -D -m 644 deploy/deb/lintian-overrides "$root/usr/share/lintian/overrides/host-service"

# What has changed since the tag before this commit, or the commit alone where there is none.
since=$(git describe --tags --abbrev=0 --match 'v[0-9]*' HEAD^ 2>/dev/null || git rev-parse HEAD^ 2>/dev/null || true)
{
  printf 'host-service (%s) stable; urgency=medium\n\n' "$version"
  git log --first-parent --format=%s "${since:+$since..}HEAD" | fold -s -w 74 | sed -E 's/ +$//; s/^/    /; 1s/^    /  * /'
  printf '\n -- The host service authors <host-service@localhost.invalid>  %s\n' "$(git log -1 --date=rfc2822 --format=%cd)"
} | put_gz "$doc/changelog.gz"

for script in preinst postinst prerm postrm; do install -m 755 "deploy/deb/$script" "$root/DEBIAN/$script"; done
(cd "$root" && find etc -type f | LC_ALL=C sort | sed 's|^|/|') >"$root/DEBIAN/conffiles"
(cd "$root" && find . -path ./DEBIAN -prune -o -path ./etc -prune -o -type f -print | LC_ALL=C sort | cut -c3- | xargs md5sum) >"$root/DEBIAN/md5sums"
sed -e "s/@VERSION@/$version/; s/@INSTALLED_SIZE@/$(du -sk --apparent-size --exclude=DEBIAN "$root" | cut -f1)/" deploy/deb/control >"$root/DEBIAN/control"
chmod 644 "$root"/DEBIAN/{conffiles,md5sums,control}
find "$root" -type d -exec chmod 755 {} +

# With the time of the commit: one commit, one package.
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct) dpkg-deb --root-owner-group -Z"${DPKG_DEB_COMPRESSOR_TYPE:-xz}" --build "$root" "$out.new" >/dev/null
mv -f "$out.new" "$out"
ls -lh "$out" | awk '{ print $9 ": " $5 }'
