#!/usr/bin/env bash
# Holds infra/ against what can be known of it without an account: arguments, types, references, plans, security rules.
#
# usage: check-infra.sh [--no-checkov]
#
# Always: every resource has the arguments that its provider knows (scripts/infra/check.py), workflows name actions by commit,
# and neither zizmor nor checkov finds anything.
# Where there is a terraform: formatting; `terraform validate`, and a plan for each file of infra/environments, with a
# provider that knows the real one's arguments and makes nothing (scripts/infra/provider.py), and one from the state of an
# earlier version. Where `terraform init` has brought the real providers, `terraform validate` with these too.
set -euo pipefail
cd "$(dirname "$0")/.."

say() { echo "check-infra: $1" >&2; }
schemas=target/infra-schemas.json
mkdir -p target
python=$(scripts/python-env.sh target/python-infra scripts/infra/requirements.txt)
"$python" scripts/infra/test_check.py 2>"$schemas.log" || { cat "$schemas.log" >&2; exit 1; }
"$python" scripts/infra/check.py "$schemas"

if grep -n 'uses: ' .github/workflows/*.yml | grep -vE 'uses: (\./|[^@ ]+@[0-9a-f]{40} # v)'; then
  say "these actions are named by a tag, which can be moved: name the commit, and the version behind it"
  exit 1
fi

# The rules that nobody may break by accident: secrets in logs, texts of strangers in scripts, rights that no step needs.
python_zizmor=$(scripts/python-env.sh target/python-zizmor scripts/infra/zizmor-requirements.txt)
"$(dirname "$python_zizmor")/zizmor" --offline --no-progress --quiet --min-severity medium .github >"$schemas.log" \
  || { cat "$schemas.log" >&2; say "zizmor finds these workflows wanting"; exit 1; }

if command -v terraform >/dev/null; then
  export CHECKPOINT_DISABLE=1 TF_IN_AUTOMATION=1 TF_CLI_CONFIG_FILE=/dev/null
  terraform -chdir=infra fmt -check -recursive -diff
  for providers in infra/.terraform/*/providers; do
    [ -d "$providers" ] || continue
    say "with the providers of $(dirname "$providers"):"
    TF_DATA_DIR=.terraform/$(basename "$(dirname "$providers")") terraform -chdir=infra validate -no-color
    break
  done

  work=$(mktemp -d "${TMPDIR:-/tmp}/check-infra.XXXXXX")
  mkfifo "$work/end"
  "$python" scripts/infra/provider.py "$schemas" <"$work/end" >"$work/reattach" 2>"$work/errors" &
  provider=$!
  # The provider ends when this does.
  exec 9>"$work/end"
  trap 'exec 9>&-; wait "$provider" || true; rm -rf "$work"' EXIT
  until [ -s "$work/reattach" ]; do
    kill -0 "$provider" 2>/dev/null || { cat "$work/errors" >&2; exit 1; }
    sleep 0.1
  done
  TF_REATTACH_PROVIDERS=$(cat "$work/reattach")
  export TF_REATTACH_PROVIDERS TF_DATA_DIR=$work/data
  terraform -chdir=infra init -backend=false -input=false -no-color >"$work/log" || { cat "$work/log" >&2; exit 1; }
  terraform -chdir=infra validate -no-color
  for function in functions/*/; do
    mkdir -p "$work/packages/$(basename "$function")"
    echo "no package" >"$work/packages/$(basename "$function")/bootstrap.zip"
  done
  # Whom to tell is for those to say who deploy: prod.tfvars names nobody.
  for environment in infra/environments/*.tfvars; do
    terraform -chdir=infra plan -no-color -input=false -lock=false -state="$work/none.tfstate" \
      -var-file="environments/$(basename "$environment")" -var "packages=$work/packages" \
      -var 'notification_emails=["nobody@example.com"]' >"$work/log" 2>&1 \
      || { grep -A20 '^Error' "$work/log" >&2; say "no plan for $environment"; exit 1; }
    say "$environment: $(grep '^Plan:' "$work/log")"
  done
  # What is off in all of them.
  terraform -chdir=infra plan -no-color -input=false -lock=false -state="$work/none.tfstate" \
    -var-file=environments/dev.tfvars -var "packages=$work/packages" -var spectrum=true \
    -var 'bronze_readers=["arn:aws:iam::123456789012:role/on-call"]' \
    -var 'warehouse_clients={cidrs=["10.0.0.0/16","fd00::/8"],security_group_ids=["sg-00000000000000000"]}' >"$work/log" 2>&1 \
    || { grep -A20 '^Error' "$work/log" >&2; say "no plan with Spectrum and clients"; exit 1; }
  for resource in 'aws_vpc_endpoint.glue' 'aws_iam_role_policy.spectrum' 'warehouse_addresses\["fd00::/8"\]' 'warehouse_groups'; do
    grep -q "# .*$resource.* will be created" "$work/log" || { say "a plan with Spectrum and clients lacks $resource"; exit 1; }
  done
  # The key of the raw files lets those decrypt who are named, the functions that have to, and nobody else.
  grep -B14 'Sid  *= "NobodyElseDecryptsRawFiles"' "$work/log" | grep -oE 'role/[a-z-]+' | sort | paste -sd ' ' >"$work/readers"
  [ "$(cat "$work/readers")" = "role/cardlake-dev-generator role/cardlake-dev-transformer role/on-call" ] \
    || { say "raw files can be decrypted by: $(cat "$work/readers")"; exit 1; }
  if terraform -chdir=infra plan -no-color -input=false -lock=false -state="$work/none.tfstate" \
    -var-file=environments/dev.tfvars -var "packages=$work/packages" \
    -var 'warehouse_clients={cidrs=["0.0.0.0/0"]}' >"$work/log" 2>&1; then
    say "the warehouse can be opened to the internet"
    exit 1
  fi
  grep -q 'the warehouse is not for the whole' "$work/log" || { cat "$work/log" >&2; say "no plan, for another reason"; exit 1; }
  # The state of an earlier version: what is no longer here is forgotten, and not destroyed.
  "$python" scripts/infra/forgotten.py "$work/earlier.tfstate" >"$work/forgotten"
  terraform -chdir=infra plan -no-color -input=false -lock=false -refresh=false -state="$work/earlier.tfstate" \
    -var-file=environments/dev.tfvars -var "packages=$work/packages" >"$work/log" 2>&1 \
    || { grep -A20 '^Error' "$work/log" >&2; say "no plan for the state of an earlier version"; exit 1; }
  while read -r address; do
    grep -q "# $address.* will no longer be managed" "$work/log" || { say "$address is not forgotten"; exit 1; }
  done <"$work/forgotten"
  grep -q '^Plan: .* 0 to destroy' "$work/log" || { say "the state of an earlier version loses resources"; exit 1; }
else
  say "terraform is not installed: formatting, references, types and plans were NOT checked; arguments were"
fi

if [ "${1:-}" = --no-checkov ]; then
  say "checkov was left out"
else
  python=$(scripts/python-env.sh target/python-checkov scripts/infra/checkov-requirements.txt)
  checkov() { LOG_LEVEL=ERROR "$(dirname "$python")/checkov" --config-file infra/.checkov.yaml "$@"; }
  checkov --quiet --framework terraform -d infra --var-file infra/environments/prod.tfvars

  # It passes over a workflow that does not keep to the schema it knows, in silence; that schema lacks a permission that
  # GitHub has. So it gets the workflows without that one, and has to have looked at each.
  workflows=$(mktemp -d "${TMPDIR:-/tmp}/check-infra.XXXXXX")
  mkdir -p "$workflows/.github/workflows"
  for workflow in .github/workflows/*.yml; do
    sed '/^ *attestations: /d' "$workflow" >"$workflows/$workflow"
  done
  checkov --framework github_actions -d "$workflows" >"$workflows/log" || { cat "$workflows/log" >&2; exit 1; }
  for workflow in .github/workflows/*.yml; do
    grep -q "/$workflow" "$workflows/log" || { say "checkov does not take $workflow for a workflow"; exit 1; }
  done
  rm -rf "$workflows"
  say "checkov found nothing to mend"
fi
