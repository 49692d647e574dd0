#!/usr/bin/env bash
# Plans a stack, shows the plan, and carries it out once it is agreed to.
#
# usage: deploy.sh deploy|plan|destroy ENVIRONMENT [TERRAFORM ARGUMENT...]
#
# ENVIRONMENT names infra/environments/ENVIRONMENT.tfvars; where ENVIRONMENT.s3.tfbackend lies beside it, the state is kept
# there, else on this machine, one file for each environment. APPROVE=yes carries the plan out without asking.
set -euo pipefail
cd "$(dirname "$0")/.."

if [ $# -lt 2 ] || ! [[ $1 =~ ^(deploy|plan|destroy)$ ]]; then
  sed -n '2,/^set/{/^#/s/^# \{0,1\}//p}' "$0" >&2
  exit 2
fi
action=$1 environment=$2
shift 2
variables=environments/$environment.tfvars
[ -f "infra/$variables" ] || { echo "deploy: there is no infra/$variables" >&2; exit 2; }
command -v terraform >/dev/null || { echo "deploy: terraform 1.11 or later is needed" >&2; exit 2; }
[ -f target/lambda/architecture ] || { echo "deploy: there are no packages: make package" >&2; exit 2; }

terraform() { command terraform -chdir=infra "$@"; }

# Every environment has a folder of its own for what terraform fetches, so that none works on the state of another.
export TF_DATA_DIR=.terraform/$environment
if [ -f "infra/environments/$environment.s3.tfbackend" ]; then
  terraform init -input=false -backend-config="environments/$environment.s3.tfbackend"
  state=()
else
  terraform init -input=false
  state=(-state="environments/$environment.tfstate")
fi

plan=$PWD/target/$environment.tfplan
destroy=()
[ "$action" = destroy ] && destroy=(-destroy)
terraform plan -input=false -out="$plan" ${state[@]+"${state[@]}"} ${destroy[@]+"${destroy[@]}"} -var-file="$variables" \
  -var "architecture=$(cat target/lambda/architecture)" "$@"
[ "$action" = plan ] && exit 0

if [ "${APPROVE:-}" != yes ]; then
  read -r -p "Carry out this plan for $environment? Type $environment: " answer
  [ "$answer" = "$environment" ] || { echo "deploy: nothing was changed" >&2; exit 1; }
fi
terraform apply -input=false ${state[@]+"${state[@]}"} "$plan"
