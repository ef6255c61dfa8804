"""Real operators whose programs take long to build, in a run of their own: kubernetes-operators."""
