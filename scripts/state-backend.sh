#!/usr/bin/env bash
# Says where the state of an environment is kept: infra/backend.tf and infra/environments/ENVIRONMENT.s3.tfbackend.
#
# usage: state-backend.sh ENVIRONMENT BUCKET REGION
set -euo pipefail
cd "$(dirname "$0")/.."
[ $# = 3 ] && [ -n "$2" ] || { echo "usage: $0 ENVIRONMENT BUCKET REGION" >&2; exit 2; }

printf 'terraform {\n  backend "s3" {}\n}\n' >infra/backend.tf
cat >"infra/environments/$1.s3.tfbackend" <<END
bucket       = "$2"
key          = "cardlake/$1.tfstate"
region       = "$3"
encrypt      = true
use_lockfile = true
END
