terraform {
  # Ephemeral resources and write-only arguments: the token key is in no state file.
  required_version = "~> 1.11"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "6.25.0"
    }
    random = {
      source  = "hashicorp/random"
      version = "3.7.2"
    }
  }
}

provider "aws" {
  region = var.region

  default_tags {
    tags = merge({ project = var.name, environment = var.environment, stack = local.prefix, managed_by = "terraform" }, var.tags)
  }
}
