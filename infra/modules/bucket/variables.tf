variable "name" {
  description = "Name of the bucket."
  type        = string
}

variable "kms_key_arn" {
  description = "Key of its objects. Null: S3's own keys, for a bucket of access logs, to which S3 writes with no other."
  type        = string
  default     = null
}

variable "readers" {
  description = "ARNs (`*` and `?` are wildcards) of the only ones that may read objects, whatever else allows it. Null: as IAM allows."
  type        = list(string)
  default     = null
}

variable "log_bucket" {
  description = "Bucket of the access logs. Null: none are kept."
  type        = string
  default     = null
}

variable "force_destroy" {
  description = "Whether the bucket may be destroyed with what is in it."
  type        = bool
  default     = false
}

variable "object_lock" {
  description = "Nobody can change or remove a version of an object for so many days. Null: no lock. It cannot be taken away from a bucket."
  type = object({
    mode = string
    days = number
  })
  default = null
}

variable "noncurrent_days" {
  description = "Days for which overwritten and removed objects can be restored."
  type        = number
}

variable "rules" {
  description = "Lifecycle of objects: by prefix ('': all), days until they move to a cheaper storage class, days until they are removed."
  type = map(object({
    prefix          = optional(string, "")
    transitions     = optional(map(number), {})
    expiration_days = optional(number)
  }))
  default = {}
}

variable "trigger_function_arn" {
  description = "Function to be told of every new object. Null: none. It has to have the permission before."
  type        = string
  default     = null
}

variable "log_source_account" {
  description = "Account whose buckets may write access logs here. Null: none."
  type        = string
  default     = null
}
