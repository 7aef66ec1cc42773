#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# python3-docker (Debian's) and bare curl.
load ../lib/berth
load recorded

setup_file() {
    recorded_up python
    daemon_start
    import_busybox
}
teardown_file() { recorded_down; }

@test "python3-docker: run, logs, exec, attach, wait, list, events, volumes, images" {
    cat >"$T/client.py" <<'P'
import io, os, socket, sys, tarfile, time, docker
c = docker.DockerClient(base_url=os.environ["DOCKER_HOST"], timeout=20)
assert c.ping()
assert c.version()["Platform"]["Name"] == "berth"
assert c.containers.run("busybox", ["echo", "hi"], remove=True) == b"hi\n"
box = c.containers.run("busybox", ["sh", "-c", "echo one; echo two >&2; exec sleep 100"], detach=True, name="py",
                       environment={"A": "1"}, labels={"l": "v"}, mem_limit="64m", ports={"80/tcp": ("127.0.0.1", 18099)})
for line in box.logs(stream=True, follow=True):
    if b"two" in line: break
assert box.logs(stdout=True, stderr=False) == b"one\n", box.logs(stdout=True, stderr=False)
assert box.logs(stdout=False, stderr=True) == b"two\n"
code, out = box.exec_run(["sh", "-c", "echo $A; exit 5"])
assert (code, out) == (5, b"1\n"), (code, out)
# Its response reader takes the header through a buffer and the rest from the socket: nothing may come in the same read.
for n in range(30):
    code, out = box.exec_run(["echo", "at once"])
    assert (code, out) == (0, b"at once\n"), (n, code, out)
code, (o, e) = box.exec_run(["sh", "-c", "echo out; echo err >&2"], demux=True)
assert (o, e) == (b"out\n", b"err\n"), (o, e)
box.reload()
assert box.status == "running" and box.attrs["HostConfig"]["Memory"] == 64 << 20
assert [x.name for x in c.containers.list(filters={"label": "l=v"})] == ["py"]
assert box.ports["80/tcp"][0]["HostPort"] == "18099"
box.stop(timeout=0)
assert box.wait()["StatusCode"] == 137
box.remove()
try:
    c.containers.run("busybox", ["false"], remove=True)
except docker.errors.ContainerError as x:
    assert x.exit_status == 1
else:
    raise SystemExit("false succeeded")
try:
    c.containers.get("nosuch")
except docker.errors.NotFound as x:
    assert "nosuch" in str(x)
v = c.volumes.create("pyvol", labels={"a": "b"})
assert c.volumes.get("pyvol").attrs["Labels"] == {"a": "b"}
v.remove()
i = c.images.get("busybox")
assert i.tags == ["busybox:latest"] and i.tag("busybox", "two")
c.images.remove("busybox:two")
assert {n.name for n in c.networks.list()} == {"bridge", "host", "none"}
box = c.containers.run("busybox", ["sleep", "1000"], detach=True, name="verbs", init=True)
box.pause()
box.reload()
assert box.status == "paused"
box.unpause()
box.rename("renamed")
box.update(cpu_shares=512)
box.reload()
assert (box.name, box.attrs["HostConfig"]["CpuShares"]) == ("renamed", 512)
assert "sleep 1000" in " ".join(box.top()["Processes"][-1])
assert box.stats(stream=False)["memory_stats"]["usage"] > 0
assert next(box.stats(decode=True))["id"] == box.id
def tar(name, text):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as t:
        info = tarfile.TarInfo(name)
        info.size = len(text)
        t.addfile(info, io.BytesIO(text))
    return out.getvalue()
def names(chunks):
    return tarfile.open(fileobj=io.BytesIO(b"".join(chunks))).getnames()
assert box.put_archive("/tmp", tar("put", b"here"))
chunks, stat = box.get_archive("/tmp/put")
assert (stat["size"], names(chunks)) == (4, ["put"])
assert {"Path": "/tmp/put", "Kind": 1} in box.diff(), box.diff()
assert "etc/passwd" in names(box.export())
made = box.commit("made", "1", message="of python")
assert c.images.get("made:1").history()[0]["Comment"] == "of python"
box.restart(timeout=0)
box.kill(signal="SIGWINCH")
box.kill()
assert box.wait()["StatusCode"] == 137
saved = b"".join(made.save(named=True))
c.images.remove("made:1")
assert c.images.load(saved)[0].tags == ["made:1"]
c.images.remove("made:1", force=True)
assert c.containers.prune()["ContainersDeleted"] == [box.id]
c.volumes.create("unused")
assert "SpaceReclaimed" in c.volumes.prune() and "SpaceReclaimed" in c.images.prune()
assert c.df()["Images"]
seen = [e["Action"] for e in c.api.events(since=1, until=int(time.time()) + 1, decode=True, filters={"container": box.id})]
assert seen[0] == "create" and "rename" in seen and seen[-1] == "destroy", seen
b = c.api.create_container("busybox", ["cat"], stdin_open=True)
s = c.api.attach_socket(b, params={"stdin": 1, "stdout": 1, "stream": 1})
c.api.start(b)
s._sock.sendall(b"through\n"); s._sock.shutdown(socket.SHUT_WR)
data = b""
while True:
    d = s._sock.recv(4096)
    if not d: break
    data += d
assert data[8:] == b"through\n", data
c.api.wait(b); c.api.remove_container(b)
print("all well")
P
    run /usr/bin/python3 "$T/client.py"
    [ "$status" -eq 0 ] || { echo "$output"; return 1; }
    [[ $output == *"all well"* ]]
}

@test "bare curl: ping, create, start, wait, logs, delete" {
    run curl -si --unix-socket "$T/berth.sock" http://x/_ping
    [[ $output == *"Api-Version: 1.51"* && $output == *OK* ]]
    run curl -sI --unix-socket "$T/berth.sock" http://x/_ping
    [[ $output == *"200 OK"* ]]
    id=$(api POST /v1.51/containers/create '{"Image":"busybox","Cmd":["sh","-c","echo from curl; exit 2"]}' | head -1 | jq -r .Id)
    [ "$(api_status POST "/v1.51/containers/$id/start")" = 204 ]
    [ "$(curl -s --unix-socket "$T/berth.sock" -X POST "http://x/v1.51/containers/$id/wait" | jq .StatusCode)" = 2 ]
    [ "$(curl -s --unix-socket "$T/berth.sock" "http://x/v1.51/containers/$id/logs?stdout=1" | tail -c +9)" = "from curl" ]
    [ "$(api_status POST "/v1.51/containers/$id/stop")" = 304 ]
    [ "$(api_status DELETE "/v1.51/containers/$id")" = 204 ]
    [ "$(api_status GET "/v1.51/containers/$id/json")" = 404 ]
}

@test "lower-case keys are taken as Go takes them" {
    id=$(api POST /containers/create '{"image":"busybox","CMD":["true"],"hostconfig":{"networkmode":"none"}}' | head -1 | jq -r .Id)
    [ "$(curl -s --unix-socket "$T/berth.sock" "http://x/containers/$id/json" | jq -r .HostConfig.NetworkMode)" = none ]
    api DELETE "/containers/$id"
}

@test "integers are integers: no exponent, no lost digit" {
    id=$(api POST /containers/create '{"Image":"busybox","HostConfig":{"Memory":9007199254740993}}' | head -1 | jq -r .Id)
    curl -s --unix-socket "$T/berth.sock" "http://x/containers/$id/json" | grep -q '"Memory":9007199254740993'
    api DELETE "/containers/$id"
    ! curl -s --unix-socket "$T/berth.sock" "http://x/events?since=1&until=$(date +%s)" | grep -qE '[0-9]e\+[0-9]'
}
