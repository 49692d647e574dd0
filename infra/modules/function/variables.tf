variable "name" {
  description = "Name of the function, and of its role, log group and queue."
  type        = string
}

variable "description" {
  description = "What the function is for."
  type        = string
}

variable "package" {
  description = "Zip with the executable `bootstrap`."
  type        = string
}

variable "architecture" {
  description = "What the executable runs on: arm64 or x86_64."
  type        = string
}

variable "memory_size" {
  description = "MB; a processor comes with every 1,769."
  type        = number
}

variable "timeout" {
  description = "Seconds of one invocation."
  type        = number
}

variable "ephemeral_storage" {
  description = "MB of /tmp."
  type        = number
}

variable "reserved_concurrency" {
  description = "Invocations at a time, kept free for this function; -1: as many as the account has left."
  type        = number
}

variable "environment" {
  description = "Its settings."
  type        = map(string)
}

variable "policies" {
  description = "Policy documents of its role, by name."
  type        = map(string)
}

variable "runtime_policy" {
  description = "Template of the policy that every function has."
  type        = string
}

variable "region" {
  description = "Region of the stack."
  type        = string
}

variable "permissions_boundary_arn" {
  description = "What no role may go beyond. Null: no boundary."
  type        = string
}

variable "kms_key_arn" {
  description = "Key of settings, log and queue."
  type        = string
}

variable "log_retention_days" {
  description = "Days for which the log is kept."
  type        = number
}

variable "code_signing_config_arn" {
  description = "Whose signatures the code needs. Null: it needs none."
  type        = string
}

variable "network" {
  description = "Subnets and security groups of the function. Null: it runs outside of any VPC."
  type = object({
    subnet_ids         = list(string)
    security_group_ids = list(string)
  })
}
