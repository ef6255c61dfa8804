"""Instances as objects of a Kubernetes cluster, made by well-kept operators."""
