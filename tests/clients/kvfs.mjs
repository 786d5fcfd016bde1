// A kvfs of the test's own: without a mount, on free ports, in a temporary directory.
import { spawn } from 'node:child_process';
import { mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const kAttempts = 5; // another process may take a port between our choosing it and kvfs's listening
const kDeadlineMs = 20_000;

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Until `condition` gives something, or an error after the deadline. */
export async function until(condition, what) {
  for (const end = Date.now() + kDeadlineMs; ; await pause(10)) {
    const got = await condition();
    if (got) return got;
    if (Date.now() > end) throw new Error(`waited in vain: ${what}`);
  }
}

function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

/** Starts kvfs with `ini` as its configuration; stop() ends it and removes its directory. */
export async function startKvfs(ini = '') {
  const executable = process.env.KVFS_EXE;
  if (!executable) throw new Error('KVFS_EXE must name the kvfs executable');
  const directory = mkdtempSync(join(tmpdir(), 'kvfs-clients-'));
  writeFileSync(join(directory, 'kvfs.ini'), ini);
  for (let attempt = 1; ; attempt++) {
    const http = await freePort(), resp = await freePort();
    const log = openSync(join(directory, 'log'), 'w');
    const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(KVFS_|PORT$|DB_PATH$)/.test(name)));
    const child = spawn(executable, ['serve', '-c', join(directory, 'kvfs.ini')], {
      stdio: ['ignore', log, log],
      env: { ...env, KVFS_STORE_PATH: join(directory, 'store'), KVFS_HTTP_LISTEN: `127.0.0.1:${http}`,
        KVFS_RESP_LISTEN: `127.0.0.1:${resp}` },
    });
    const ended = new Promise((resolve) => child.once('exit', resolve));
    const url = `http://127.0.0.1:${http}`;
    const up = await until(async () => {
      if (child.exitCode !== null || child.signalCode !== null) return 'ended';
      return fetch(`${url}/ready`).then((answer) => answer.ok && 'ready', () => null);
    }, 'kvfs is ready');
    if (up === 'ready') {
      const stop = async () => {
        child.kill('SIGTERM');
        const code = await ended;
        const said = readFileSync(join(directory, 'log'), 'utf8');
        rmSync(directory, { recursive: true, force: true });
        if (code !== 0) throw new Error(`kvfs ended with ${code}:\n${said}`);
      };
      return { url, http, resp, pid: child.pid, stop };
    }
    const said = readFileSync(join(directory, 'log'), 'utf8');
    if (attempt === kAttempts || !said.includes('in use')) {
      rmSync(directory, { recursive: true, force: true });
      throw new Error(`kvfs does not come up:\n${said}`);
    }
  }
}
