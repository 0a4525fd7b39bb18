#!/usr/bin/env bash
# Uploads build/host-service to the bucket fractal-host-service (BUCKET=…) under the branch's name (BRANCH=…), where builds of the AMI find it.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
fail() { echo "make upload: $1" >&2; exit 2; }

[ -x build/host-service ] || fail 'there is no build/host-service; run "make build" first'
branch=${BRANCH:-$(git branch --show-current)}
[ -n "$branch" ] || fail 'no branch is checked out; name one with BRANCH=…'
command -v aws >/dev/null || fail 'the AWS command line is not installed (Debian: apt-get install awscli)'
if [ -z "${AWS_ACCESS_KEY_ID:-}${AWS_PROFILE:-}${AWS_WEB_IDENTITY_TOKEN_FILE:-}${AWS_CONTAINER_CREDENTIALS_FULL_URI:-}" ] \
  && [ ! -e "${AWS_SHARED_CREDENTIALS_FILE:-$HOME/.aws/credentials}" ] && [ ! -e "${AWS_CONFIG_FILE:-$HOME/.aws/config}" ]; then
  fail 'no AWS credentials; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, or run "aws configure"'
fi

target="s3://${BUCKET:-fractal-host-service}/$branch"
aws s3 cp --no-progress ${AWS_ENDPOINT_URL:+--endpoint-url "$AWS_ENDPOINT_URL"} build/host-service "$target" || fail "aws could not upload to $target (its words are above)"
echo "uploaded $target ($(git rev-parse --short HEAD))"
