#!/usr/bin/env bash
# Uploads build/host-service to the bucket fractal-host-service (BUCKET=…) under the name of the commit that it was built from, once: what is
# there is never replaced. Then copies it to the branch's name (BRANCH=…), where builds of the AMI find the latest one.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
fail() { echo "make upload: $1" >&2; exit 2; }

[ -x build/host-service ] || fail 'there is no build/host-service; run "make build" first'
branch=${BRANCH:-$(git branch --show-current)}
[ -n "$branch" ] || fail 'no branch is checked out; name one with BRANCH=…'
commit=$(git rev-parse HEAD)
[ -z "$(git status --porcelain)" ] || fail "there are uncommitted changes, so $commit is not what was built; commit them, then run \"make upload\""
case $(build/host-service version) in
  *"($commit)"*) ;;
  *) fail "build/host-service was not built from $commit; run \"make build\" first" ;;
esac
command -v aws >/dev/null || fail 'the AWS command line is not installed (Debian: apt-get install awscli)'
if [ -z "${AWS_ACCESS_KEY_ID:-}${AWS_PROFILE:-}${AWS_WEB_IDENTITY_TOKEN_FILE:-}${AWS_CONTAINER_CREDENTIALS_FULL_URI:-}" ] \
  && [ ! -e "${AWS_SHARED_CREDENTIALS_FILE:-$HOME/.aws/credentials}" ] && [ ! -e "${AWS_CONFIG_FILE:-$HOME/.aws/config}" ]; then
  fail 'no AWS credentials; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, or run "aws configure"'
fi

s3() { aws s3 "$@" ${AWS_ENDPOINT_URL:+--endpoint-url "$AWS_ENDPOINT_URL"}; }
bucket=s3://${BUCKET:-fractal-host-service}
code=0
s3 ls "$bucket/$commit" >/dev/null || code=$?
case $code in
  0) echo "$bucket/$commit is there already, and stays as it is" ;;
  1)
    s3 cp --no-progress build/host-service "$bucket/$commit" || fail "aws could not upload to $bucket/$commit (its words are above)"
    echo "uploaded $bucket/$commit"
    ;;
  *) fail "aws could not look for $bucket/$commit (its words are above)" ;;
esac
s3 cp --no-progress "$bucket/$commit" "$bucket/$branch" || fail "aws could not copy it to $bucket/$branch (its words are above)"
echo "$bucket/$branch is now that of ${commit:0:7}"
