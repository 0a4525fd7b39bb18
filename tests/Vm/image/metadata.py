#!/usr/bin/python3
"""EC2's instance metadata service, version 2 only: without a token every read is a 401."""
import http.server
import secrets
import time

VALUES = {
    "ami-id": "ami-0f0f0f0f0f0f0f0f0",
    "instance-id": "i-0123456789abcdef0",
    "instance-type": "g4dn.xlarge",
    "placement/region": "us-east-1",
    "public-ipv4": "203.0.113.7",
    "tags/instance/Name": "host-under-test-by-tag",
}
tokens = {}


class Metadata(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self, status, text=""):
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_PUT(self):
        seconds = self.headers.get("X-aws-ec2-metadata-token-ttl-seconds", "")
        if self.path != "/latest/api/token" or not seconds.isdigit() or not 1 <= int(seconds) <= 21600:
            return self.answer(400)
        token = secrets.token_urlsafe(40)
        tokens[token] = time.monotonic() + int(seconds)
        self.answer(200, token)

    def do_GET(self):
        if tokens.get(self.headers.get("X-aws-ec2-metadata-token", ""), 0) < time.monotonic():
            return self.answer(401)
        value = VALUES.get(self.path.removeprefix("/latest/meta-data/"))
        self.answer(200, value) if value else self.answer(404)


http.server.ThreadingHTTPServer(("169.254.169.254", 80), Metadata).serve_forever()
