"""What renderers for Kubernetes share: how objects are written, and how their status is read. Pure.

* `objects`     plain objects, and what stands in many others
* `conditions`  generation, conditions, replicas: whether something is ready
* `plain`       a service without an operator: StatefulSet, Service, disks
* `flux`        a service that a Helm chart makes: HelmRelease
* `knative`     a container that runs while it is asked for
* `parameters`  parameters that many offerings have
"""
