"""A server on this machine that answers as the Hugging Face hub does, as far as models are pushed and pulled."""

import base64
import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlparse

LARGE = (".safetensors", ".onnx")


class Hub(ThreadingHTTPServer):
    """Repositories in memory.

    Attributes:
        repositories: name → file name → content, as of the last commit.
        is_private: name → what its maker asked for.
        asked: method and path of every request.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.repositories: dict[str, dict[str, bytes]] = {}
        self.is_private: dict[str, bool] = {}
        self.stored: dict[str, bytes] = {}  # large files by their sha256, committed or not yet
        self.asked: list[str] = []
        self.address = f"http://127.0.0.1:{self.server_port}"

    def commit_of(self, name: str) -> str:
        told = "".join(
            f"{file}{hashlib.sha1(content).hexdigest()}" for file, content in self.repositories[name].items()
        )
        return hashlib.sha1(told.encode()).hexdigest()


@contextmanager
def serving() -> Iterator[Hub]:
    hub = Hub()
    threading.Thread(target=hub.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield hub
    finally:
        hub.shutdown()
        hub.server_close()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Hub

    def log_message(self, *_: object) -> None:
        pass

    def handle_one(self) -> None:
        path = unquote(urlparse(self.path).path).strip("/")
        self.server.asked.append(f"{self.command} {path}")
        self.body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parts = path.split("/")
        if path == "api/repos/create":
            self.create(json.loads(self.body))
        elif path == "api/validate-yaml":
            self.reply({"errors": [], "warnings": []})
        elif parts[0] == "stored":
            self.server.stored[parts[1]] = self.body
            self.reply({})
        elif parts[:2] == ["api", "models"]:
            self.about("/".join(parts[2:4]), parts[4:])
        elif "/".join(parts[2:]) == "info/lfs/objects/batch":
            self.batch(json.loads(self.body))
        elif parts[2:3] == ["resolve"]:
            self.resolve("/".join(parts[:2]), "/".join(parts[4:]))
        else:
            self.reply({"error": "Entry not found"}, 404)

    do_GET = do_POST = do_HEAD = do_PUT = handle_one  # noqa: N815

    def create(self, asked: dict) -> None:
        name = f"{asked['organization']}/{asked['name']}"
        if name in self.server.repositories:
            self.reply({"error": "You already created this model repo", "url": f"{self.server.address}/{name}"}, 409)
            return
        self.server.repositories[name] = {}
        self.server.is_private[name] = asked.get("private") is True or asked.get("visibility") == "private"
        self.reply({"url": f"{self.server.address}/{name}", "name": name, "id": name})

    def about(self, name: str, rest: list[str]) -> None:
        if name not in self.server.repositories:
            self.reply({"error": "Repository not found"}, 404, {"X-Error-Code": "RepoNotFound"})
        elif rest[:1] == ["preupload"]:
            files = [
                {"path": file["path"], "uploadMode": mode_of(file["path"]), "shouldIgnore": False}
                for file in json.loads(self.body)["files"]
            ]
            self.reply({"files": files})
        elif rest[:1] == ["commit"]:
            self.commit(name)
        elif rest[:1] == ["revision"] and rest[1:] not in (["main"], [self.server.commit_of(name)]):
            self.reply({"error": "Invalid rev id"}, 404, {"X-Error-Code": "RevisionNotFound"})
        else:
            siblings = [{"rfilename": file} for file in self.server.repositories[name]]
            self.reply({"id": name, "sha": self.server.commit_of(name), "siblings": siblings, "private": False})

    def commit(self, name: str) -> None:
        files = self.server.repositories[name]
        for line in map(json.loads, self.body.splitlines()):
            value = line["value"]
            if line["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif line["key"] == "lfsFile":
                files[value["path"]] = self.server.stored[value["oid"]]
        commit = self.server.commit_of(name)
        self.reply({"commitUrl": f"{self.server.address}/{name}/commit/{commit}", "commitOid": commit})

    def batch(self, asked: dict) -> None:
        objects = [
            one | {"actions": {"upload": {"href": f"{self.server.address}/stored/{one['oid']}"}}}
            for one in asked["objects"]
        ]
        self.reply({"transfer": "basic", "objects": objects})

    def resolve(self, name: str, file: str) -> None:
        content = self.server.repositories.get(name, {}).get(file)
        if content is None:
            self.reply({"error": "Entry not found"}, 404, {"X-Error-Code": "EntryNotFound"})
            return
        headers = {"ETag": f'"{hashlib.sha1(content).hexdigest()}"', "X-Repo-Commit": self.server.commit_of(name)}
        self.send(content, 200, headers)

    def reply(self, content: dict, status: int = 200, headers: dict[str, str] | None = None) -> None:
        self.send(json.dumps(content).encode(), status, {"Content-Type": "application/json"} | (headers or {}))

    def send(self, content: bytes, status: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for key, value in (headers | {"Content-Length": str(len(content))}).items():
            self.send_header(key, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)


def mode_of(file: str) -> str:
    return "lfs" if file.endswith(LARGE) else "regular"
