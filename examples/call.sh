#!/bin/sh
# Calls a procedure with curl:  sh examples/call.sh k8s.create '{"name": "web", "location": "eu"}'
url=${CLUSTERDESK_URL:-http://127.0.0.1:8080/}
token=${CLUSTERDESK_TOKEN:-$(cat data/admin-token)}
curl -sS "$url" -H 'Content-Type: application/json' -H "Authorization: Bearer $token" \
  -d "{\"jsonrpc\": \"2.0\", \"id\": 1, \"method\": \"$1\", \"params\": ${2:-[]}}"
