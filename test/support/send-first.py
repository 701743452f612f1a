"""Sends whole requests before it reads an answer, as Python's clients do. Prints one JSON object: what each client was answered."""

import http.client
import json
import sys
import urllib.error
import urllib.request

port, key, size = int(sys.argv[1]), sys.argv[2], int(sys.argv[3])
body = b"[{},{},"
body = (body * (size // len(body) + 1))[:size]
headers = {"Content-Type": "application/json", **({} if key == "" else {"Authorization": "Bearer " + key})}


def by_http_client(path):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("POST", path, body, headers)
    answer = connection.getresponse()
    text = answer.read()
    # the same connection, when the server kept it
    connection.request("GET", "/healthz")
    following = connection.getresponse()
    following.read()
    return [answer.status, json.loads(text)["error"]["code"], following.status]


def by_urllib(path):
    request = urllib.request.Request("http://127.0.0.1:%d%s" % (port, path), body, headers)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return [answer.status]
    except urllib.error.HTTPError as error:
        return [error.code, json.loads(error.read())["error"]["code"]]


def told(perform, path):
    try:
        return perform(path)
    except Exception as error:
        return [repr(error)]


print(json.dumps({path: {"http.client": told(by_http_client, path), "urllib": told(by_urllib, path)} for path in sys.argv[4:]}))
