# The AMI of a host (B35): Ubuntu with NVIDIA's driver, Docker, and the host service installed and enabled.
#   make build && packer init deploy/ami
#   packer build -var branch=$(git branch --show-current) -var 'images=["ghcr.io/fractal/dev/browsers/chrome:current-build"]' deploy/ami
packer {
  required_version = ">= 1.7.0"
  required_plugins {
    amazon = {
      source  = "github.com/hashicorp/amazon"
      version = ">= 1.2.0"
    }
  }
}

variable "region" {
  type        = string
  default     = "us-east-1"
  description = "Where the AMI is built, and the first region it is in."
}

variable "copy_to_regions" {
  type        = list(string)
  default     = []
  description = "More regions to have it in."
}

variable "instance_type" {
  type        = string
  default     = "g4dn.xlarge"
  description = "Has to have a GPU, so that the driver is tried while building."
}

variable "nvidia_driver" {
  type        = string
  default     = "535-server"
  description = "Of Ubuntu's packages nvidia-headless-* and nvidia-utils-*."
}

variable "branch" {
  type        = string
  description = "The branch that build/host-service was built from; part of the AMI's name."
}

variable "images" {
  type        = list(string)
  description = "Full names of the mandelboxes' images, as Docker__ImageTemplate makes them: ghcr.io/fractal/{env}/{app}:current-build. Hosts pull none."
  validation {
    condition     = length(var.images) > 0
    error_message = "A host of an AMI without an image does not start."
  }
}

variable "registry" {
  type        = string
  default     = "ghcr.io"
  description = "Where registry_user may pull the images."
}

variable "registry_user" {
  type        = string
  default     = ""
  description = "Empty where the images are public."
}

variable "registry_password" {
  type        = string
  default     = ""
  sensitive   = true
  description = "A token that may read packages; best set as PKR_VAR_registry_password. It is not in the AMI."
}

locals {
  name = "host-service-${var.branch}-${formatdate("YYYYMMDD-hhmmss", timestamp())}"
}

source "amazon-ebs" "host" {
  ami_name      = local.name
  region        = var.region
  ami_regions   = var.copy_to_regions
  instance_type = var.instance_type
  ssh_username  = "ubuntu"
  encrypt_boot  = true

  # Reading it takes a token, on the builder and on every host.
  imds_support = "v2.0"
  metadata_options {
    http_endpoint               = "enabled"
    http_tokens                 = "required"
    http_put_response_hop_limit = 1
    instance_metadata_tags      = "enabled"
  }

  source_ami_filter {
    filters = {
      name                = "ubuntu/images/hvm-ssd/ubuntu-jammy-22.04-amd64-server-*"
      root-device-type    = "ebs"
      virtualization-type = "hvm"
    }
    owners      = ["099720109477"] # Canonical
    most_recent = true
  }

  launch_block_device_mappings {
    device_name           = "/dev/sda1"
    volume_size           = 64
    volume_type           = "gp3"
    delete_on_termination = true
  }

  tags = {
    Name   = local.name
    Branch = var.branch
  }
}

build {
  sources = ["source.amazon-ebs.host"]

  provisioner "shell" {
    inline = ["cloud-init status --wait", "mkdir -p /tmp/host-service/build"]
  }

  provisioner "file" {
    source      = "${path.root}/../../build/host-service"
    destination = "/tmp/host-service/build/host-service"
  }

  provisioner "file" {
    source      = "${path.root}/../../deploy"
    destination = "/tmp/host-service"
  }

  provisioner "shell" {
    # By a file, which Packer removes: on a command line every process of the builder could read the password.
    use_env_var_file = true
    execute_command  = "sudo bash -c '. {{ .EnvVarFile }} && bash {{ .Path }}'"
    environment_vars = [
      "NVIDIA_DRIVER=${var.nvidia_driver}",
      "IMAGES=${join(" ", var.images)}",
      "REGISTRY=${var.registry}",
      "REGISTRY_USER=${var.registry_user}",
      "REGISTRY_PASSWORD=${var.registry_password}",
    ]
    script = "${path.root}/provision.sh"
  }
}
