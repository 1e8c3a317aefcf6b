"""Calls a procedure:  python3 examples/call.py k8s.create '{"name": "web", "location": "eu"}'"""

import json, os, sys, urllib.request

URL = os.environ.get("CLUSTERDESK_URL", "http://127.0.0.1:8080/")
TOKEN = os.environ.get("CLUSTERDESK_TOKEN") or open("data/admin-token").read().strip()


def call(method, params=None):
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params or {}}).encode()
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {TOKEN}"}
    answer = json.load(urllib.request.urlopen(urllib.request.Request(URL, body, headers)))
    if "error" in answer:
        raise SystemExit(f"{answer['error']['data']['code']}: {answer['error']['message']}")
    return answer["result"]


print(json.dumps(call(sys.argv[1], json.loads(sys.argv[2]) if len(sys.argv) > 2 else None)))
