#!/bin/sh
# Prints the kubeconfig of Polder's account in the cluster that kubectl speaks to. Whoever has it is
# Polder there. Give the API server's address where Polder reaches it at another one than you do.
#
#     sh deploy/region/kubeconfig.sh [https://ADDRESS:PORT] > eu-de-1.kubeconfig
set -eu
umask 077
server=${1:-$(kubectl config view --minify -o 'jsonpath={.clusters[0].cluster.server}')}
secret() { kubectl -n polder-system get secret polder-token -o "go-template={{index .data \"$1\"}}"; }
cat <<END
apiVersion: v1
kind: Config
clusters:
  - name: region
    cluster: {server: "$server", certificate-authority-data: "$(secret ca.crt)"}
users:
  - name: polder
    user: {token: "$(secret token | base64 -d)"}
contexts:
  - name: region
    context: {cluster: region, user: polder}
current-context: region
END
