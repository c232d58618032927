# Terraform's (and OpenTofu's) provider for Kubernetes. It takes annotations and labels that it
# doesn't know for a difference, and would take the operator's off at each apply: so they are
# ignored.
resource "kubernetes_secret_v1" "my_app" {
  metadata {
    name      = "my-app-terraform"
    namespace = "my-app"
    annotations = {
      "s3-resource-operator.io/enabled" = "true"
    }
  }
  data = {
    "bucket-name"   = "my-app-terraform"
    "access-key"    = "my-app-terraform"
    "access-secret" = var.my_app_s3_secret
  }
  lifecycle {
    ignore_changes = [metadata[0].annotations, metadata[0].labels]
  }
}

variable "my_app_s3_secret" {
  type      = string
  sensitive = true
}
