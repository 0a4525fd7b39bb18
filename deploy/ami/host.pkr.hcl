# The AMI of a host (B35): Ubuntu with NVIDIA's driver, Docker, the mandelboxes' images and the host service. deploy/README.md says how it is built.
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

variable "vpc_id" {
  type        = string
  default     = ""
  description = "VPC of the builder; empty for the account's default."
}

variable "subnet_id" {
  type        = string
  default     = ""
  description = "Subnet of the builder; empty for one of the VPC's."
}

variable "iam_instance_profile" {
  type        = string
  default     = ""
  description = "Instance profile of the builder; it has to be able to read nvidia_driver_source where that is a private bucket."
}

variable "run_tags" {
  type        = map(string)
  default     = {}
  description = "Tags of the builder and its volumes."
}

variable "nvidia_driver_source" {
  type        = string
  description = "The installer of the GRID driver, NVIDIA-Linux-x86_64-<version>-grid-aws.run: s3://… or https://…."
}

variable "nvidia_driver_version" {
  type        = string
  description = "The version that the mandelboxes' images carry, for example 535.183.01; another one in the installer ends the build."
}

variable "nvidia_driver_sha256" {
  type        = string
  default     = ""
  description = "SHA-256 of the installer; empty: not checked."
}

variable "branch" {
  type        = string
  description = "The branch that build/host-service was built from; part of the AMI's name."
}

variable "app_env" {
  type        = string
  default     = ""
  description = "DEV, STAGING or PROD for an AMI of one environment; empty where user data says it."
  validation {
    condition     = contains(["", "DEV", "STAGING", "PROD"], var.app_env)
    error_message = "The app_env must be DEV, STAGING, PROD or empty."
  }
}

variable "images" {
  type        = list(string)
  description = "The mandelboxes' images, without a tag, as Docker__ImageTemplate makes them: ghcr.io/fractal/{env}/{app}. Hosts pull none."
  validation {
    condition     = length(var.images) > 0
    error_message = "A host of an AMI without an image does not start."
  }
  validation {
    condition     = length([for image in var.images : image if length(split(":", element(reverse(split("/", image)), 0))) > 1]) == 0
    error_message = "Leave the tag out of images; images_commit is the tag."
  }
}

variable "images_commit" {
  type        = string
  description = "The commit that the images were built from, which is the tag they are pulled by. On the AMI they are tagged current-build."
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

variable "filebeat_package" {
  type        = string
  default     = ""
  description = "https:// URL of filebeat's .deb; empty: only its configuration is put in place."
}

variable "ecs_agent_package" {
  type        = string
  default     = ""
  description = "https:// URL of amazon-ecs-init's .deb, for hosts on which the ECS agent makes the containers; empty for others."
}

variable "ecs_cluster" {
  type        = string
  default     = "default"
  description = "The cluster that the ECS agent joins."
}

locals {
  name = "host-service-${var.branch}-${formatdate("YYYYMMDD-hhmmss", timestamp())}"
}

source "amazon-ebs" "host" {
  ami_name             = local.name
  region               = var.region
  ami_regions          = var.copy_to_regions
  instance_type        = var.instance_type
  vpc_id               = var.vpc_id
  subnet_id            = var.subnet_id
  iam_instance_profile = var.iam_instance_profile
  run_tags             = var.run_tags
  run_volume_tags      = var.run_tags
  ssh_username         = "ubuntu"
  encrypt_boot         = true

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
    iops                  = 3000
    throughput            = 125
    delete_on_termination = true
  }

  tags = {
    Name   = local.name
    Branch = var.branch
    Images = var.images_commit
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

  provisioner "file" {
    source      = "${path.root}/../../mandelboxes"
    destination = "/tmp/host-service"
  }

  provisioner "shell" {
    # By a file, which Packer removes: on a command line every process of the builder could read the password.
    use_env_var_file = true
    execute_command  = "sudo bash -c '. {{ .EnvVarFile }} && bash {{ .Path }}'"
    environment_vars = [
      "NVIDIA_DRIVER_SOURCE=${var.nvidia_driver_source}",
      "NVIDIA_DRIVER_VERSION=${var.nvidia_driver_version}",
      "NVIDIA_DRIVER_SHA256=${var.nvidia_driver_sha256}",
      "APP_ENV=${var.app_env}",
      "IMAGES=${join(" ", var.images)}",
      "IMAGES_COMMIT=${var.images_commit}",
      "REGISTRY=${var.registry}",
      "REGISTRY_USER=${var.registry_user}",
      "REGISTRY_PASSWORD=${var.registry_password}",
      "FILEBEAT_PACKAGE=${var.filebeat_package}",
      "ECS_AGENT_PACKAGE=${var.ecs_agent_package}",
      "ECS_CLUSTER=${var.ecs_cluster}",
    ]
    script = "${path.root}/provision.sh"
  }

  # Which AMI came of it, for whoever goes on with it.
  post-processor "manifest" {
    output     = "manifest.json"
    strip_path = true
    custom_data = {
      branch        = var.branch
      images_commit = var.images_commit
    }
  }
}
