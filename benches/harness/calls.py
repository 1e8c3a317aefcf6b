"""The calls that are measured: how they are sent on each wire, and what a right answer is."""

import base64
import datetime
import hashlib
import hmac
import http.client
import json
import time
import urllib.parse

import seed
from subjects import SECRET

BATCH = 20


def token(user):
    """An HS256 token that is valid for a day."""
    def part(value):
        return base64.urlsafe_b64encode(value).rstrip(b"=")
    claims = {"sub": user, "exp": int(time.time()) + 86_400}
    signed = part(b'{"alg":"HS256","typ":"JWT"}') + b"." + part(json.dumps(claims).encode())
    return (signed + b"." + part(hmac.digest(SECRET.encode(), signed, hashlib.sha256))).decode()


class Call:
    """A query, and a function that says whether an output is right for a user's number."""

    def __init__(self, method, old, params, is_right, batch=0, admin=False):
        self.method, self.old, self.params, self.is_right = method, old, params, is_right
        self.batch, self.admin = batch, admin

    def request(self, wire):
        """HTTP method, path and body."""
        if wire == "trpc":
            names = ",".join([self.old] * (self.batch or 1))
            given = {"json": self.params} if self.params else None
            inputs = {str(at): given for at in range(self.batch)} if self.batch else given
            query = {"batch": 1} if self.batch else {}
            if given:
                query["input"] = json.dumps(inputs)
            return "GET", f"/trpc/{names}?{urllib.parse.urlencode(query)}", ""
        entries = [
            {"jsonrpc": "2.0", "id": at, "method": self.method, "params": self.params} for at in range(self.batch or 1)
        ]
        return "POST", "/", json.dumps(entries if self.batch else entries[0], separators=(",", ":"))

    def send(self, subject, bearer, timeout=30):
        method, path, body = self.request(subject.wire)
        connection = http.client.HTTPConnection("127.0.0.1", subject.port, timeout=timeout)
        try:
            headers = {"Authorization": f"Bearer {bearer}", "Content-Type": "application/json"}
            connection.request(method, path, body or None, headers)
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()

    def check(self, subject, number, bearer):
        """Raises unless the answer is right."""
        status, text = self.send(subject, bearer)
        answers = json.loads(text)
        answers = answers if self.batch else [answers]
        if subject.wire == "trpc":
            outputs = [answer.get("result", {}).get("data", {}).get("json") for answer in answers]
        else:
            outputs = [answer.get("result") for answer in answers]
        is_right = len(outputs) == (self.batch or 1) and all(self.is_right(output, number) for output in outputs)
        if status != 200 or not is_right:
            raise RuntimeError(f"{subject.name} answered {self.method} of user {number} with {status}: {text[:500]}")


def _lists(output, number):
    owned = [cluster for cluster in output if cluster["authUserId"] == seed.user(number)]
    return sorted(cluster["name"] for cluster in owned) == sorted(seed.clusters(number)) and len(owned) == len(output)


def _summarizes(output, number):
    is_customer = output["customer"] is not None
    return (
        output["user"]["id"] == seed.user(number)
        and is_customer == (number % 3 == 0)
        and output["activeClusters"] == len(seed.clusters(number))
        and _lists(output["clusters"], number)
    )


def _counts(output, _):
    return min(output["totalUsers"], output["totalClusters"], output["activeSubscriptions"], output["recentActivity"]) > 0


# The longest range that a chart may have, and the metric with the most lines.
YEAR = {
    "metric": "clustersByLocation",
    "from": (datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=399)).strftime("%Y-%m-%dT%H:%M:%S.000Z"),
}


def _draws(output, _):
    lines = {line["label"]: line["values"][-1] for line in output["lines"]}
    return len(output["at"]) == seed.DAYS and "(others)" in lines and len(lines) <= seed.TOWNS and min(lines.values()) > 0


HELLO = Call("hello.hello", "hello.hello", {"text": "<world>"}, lambda output, _: output["greeting"] == "hello &lt;world&gt;")
LIST = Call("k8s.list", "k8s.getClusters", {}, _lists)
SUMMARY = Call("user.summary", "user.summary", {}, _summarizes)
STATS = Call("admin.getStats", "admin.getStats", {}, _counts, admin=True)
BATCHED = Call("k8s.list", "k8s.getClusters", {}, _lists, batch=BATCH)
CLUSTERS = Call("admin.listClusters", "", {"limit": 20}, lambda output, _: len(output["items"]) == 20, admin=True)
SERIES = Call("admin.series", "", YEAR, _draws, admin=True)
# Nobody matches, so all are looked at.
SEARCH = Call("admin.listUsers", "", {"search": "nobody at all"}, lambda output, _: output["items"] == [], admin=True)
USERS = Call("admin.listUsers", "", {"limit": 20}, lambda output, _: len(output["items"]) == 20, admin=True)
