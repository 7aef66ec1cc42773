// SPDX-License-Identifier: Apache-2.0
// dockerode's main calls against the daemon of DOCKER_HOST, which has the image busybox:latest.
const assert = require("assert");
const stream = require("stream");
const Docker = require(process.env.DOCKERODE);
const docker = new Docker({ socketPath: process.env.DOCKER_HOST.replace("unix://", ""), timeout: 20000 });

function sink() {
  const s = new stream.Writable({ write: (data, _, next) => { s.text += data; next(); } });
  s.text = "";
  return s;
}

const ended = (s) => new Promise((done, failed) => s.on("end", done).on("close", done).on("error", failed).resume());

async function refuses(status, promise) {
  await assert.rejects(promise, (e) => e.statusCode === status || assert.fail(`${e.statusCode}: ${e.message}`));
}

async function system() {
  assert.strictEqual((await docker.ping()).toString(), "OK");
  assert.match((await docker.version()).ApiVersion, /^1\./);
  assert.ok((await docker.info()).NCPU > 0);
  const df = await docker.df();
  assert.ok(Array.isArray(df.Images));
}

async function runs() {
  const out = sink();
  const [result, c] = await docker.run("busybox", ["sh", "-c", "echo hi; exit 3"], out, { Tty: true });
  while (!out.text.includes("hi")) await new Promise((next) => setTimeout(next, 20)); // it answers at the end of wait, not of the output
  assert.deepStrictEqual([result.StatusCode, out.text.trim()], [3, "hi"]);
  await c.remove();
}

async function containers() {
  const c = await docker.createContainer({ Image: "busybox", name: "ode", Cmd: ["sh", "-c", "echo one; echo two >&2; exec sleep 1000"],
    Labels: { a: "b" }, HostConfig: { Init: true } });
  await c.start();
  await refuses(304, c.start());
  assert.strictEqual((await c.inspect()).State.Status, "running");
  const list = await docker.listContainers({ filters: { label: ["a=b"] } });
  assert.deepStrictEqual(list.map((x) => x.Names[0]), ["/ode"]);
  const follow = await c.logs({ follow: true, stdout: true, stderr: true });
  const out = sink(), err = sink();
  docker.modem.demuxStream(follow, out, err);
  while (!err.text.includes("two")) await new Promise((next) => setTimeout(next, 20));
  follow.destroy();
  assert.strictEqual(out.text, "one\n");
  await execs(c);
  const stats = await c.stats({ stream: false });
  assert.ok(stats.memory_stats.usage > 0);
  assert.ok((await c.top()).Processes.length > 0);
  await c.pause();
  await refuses(409, c.pause());
  await c.unpause();
  await c.update({ CpuShares: 512 });
  await c.rename({ name: "ode2" });
  await files(c);
  await c.restart({ t: 0 });
  await c.kill({ signal: "SIGWINCH" });
  await c.stop({ t: 0 });
  assert.strictEqual(typeof (await c.wait()).StatusCode, "number");
  await refuses(404, docker.getContainer("nosuch").inspect());
  await c.remove({ v: true });
  await docker.pruneContainers();
}

async function execs(c) {
  const e = await c.exec({ Cmd: ["sh", "-c", "cat; echo err >&2; exit 5"], AttachStdin: true, AttachStdout: true, AttachStderr: true });
  const s = await e.start({ hijack: true, stdin: true });
  const out = sink(), err = sink();
  docker.modem.demuxStream(s, out, err);
  s.end("through\n");
  await ended(s);
  assert.deepStrictEqual([out.text, err.text, (await e.inspect()).ExitCode], ["through\n", "err\n", 5]);
}

async function files(c) {
  const archive = await c.getArchive({ path: "/etc/passwd" });
  await ended(archive);
  await refuses(404, c.getArchive({ path: "/nosuch" }));
  const whole = await c.export();
  await ended(whole);
  assert.ok(Array.isArray(await c.changes()) || (await c.changes()) === null);
  const made = await c.commit({ repo: "ode", tag: "1" });
  assert.match(made.Id, /^sha256:/);
  await docker.getImage("ode:1").remove({ force: true });
}

async function images() {
  const i = docker.getImage("busybox");
  assert.deepStrictEqual((await i.inspect()).RepoTags, ["busybox:latest"]);
  assert.ok((await i.history()).length > 0);
  await i.tag({ repo: "ode", tag: "2" });
  assert.ok((await docker.listImages()).some((x) => x.RepoTags.includes("ode:2")));
  const saved = await i.get();
  const loaded = await docker.loadImage(saved);
  await ended(loaded);
  await docker.getImage("ode:2").remove();
  await docker.pruneImages({ filters: { dangling: ["true"] } });
  await refuses(404, docker.getImage("nosuch").inspect());
}

async function volumesAndNetworks() {
  await docker.createVolume({ Name: "odev", Labels: { a: "b" } });
  assert.ok((await docker.listVolumes()).Volumes.some((v) => v.Name === "odev"));
  await docker.getVolume("odev").remove();
  await docker.pruneVolumes();
  assert.deepStrictEqual((await docker.listNetworks()).map((n) => n.Name).sort(), ["bridge", "host", "none"]);
  assert.strictEqual((await docker.getNetwork("bridge").inspect()).Driver, "bridge");
}

async function events() {
  const s = await docker.getEvents({ since: 1, until: Math.floor(Date.now() / 1000) });
  const text = [];
  s.on("data", (d) => text.push(d));
  await new Promise((done) => s.on("end", done));
  const first = Buffer.concat(text).toString().split("\n")[0];
  assert.ok(JSON.parse(first).Type);
}

(async () => {
  for (const part of [system, runs, containers, images, volumesAndNetworks, events]) {
    await part();
    console.log(part.name);
  }
  console.log("all well");
  process.exit(0);
})().catch((e) => {
  console.error(e);
  process.exit(1);
});
