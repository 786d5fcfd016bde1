// A bounded soak: all kinds of requests, mixed, round after round; kvfs's memory stays below a ceiling.
// KVFS_SOAK_ROUNDS makes it longer (default 20, some seconds; 5,000 is about an hour).
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { Pool } from 'undici';
import { startKvfs } from './kvfs.mjs';

const kRounds = Number(process.env.KVFS_SOAK_ROUNDS || 20);
const kWarmUpRounds = 5;
const kGrowthMaxKiB = 64 * 1024; // over the memory after the warm-up, whatever the number of rounds

let kvfs, pool;
before(async () => {
  kvfs = await startKvfs();
  pool = new Pool(kvfs.url, { connections: 32, pipelining: 4 });
});
after(async () => {
  await pool?.destroy();
  await kvfs?.stop();
});

/** Resident bytes without pages of files, in KiB. */
const memoryKiB = () => Number(/^RssAnon:\s+(\d+)/m.exec(readFileSync(`/proc/${kvfs.pid}/status`, 'utf8'))[1]);

async function ask(method, path, body, headers) {
  const answer = await pool.request({ method, path, body, headers });
  const bytes = Buffer.from(await answer.body.arrayBuffer());
  assert.ok(answer.statusCode < 500, `${method} ${path}: ${answer.statusCode} ${bytes}`);
  return { status: answer.statusCode, bytes };
}

async function round(number) {
  const large = randomBytes(3_000_000), text = `round ${number} `.repeat(2000);
  const work = [];
  for (let i = 0; i < 200; i++) {
    const key = `/v1/soak/${(number * 37 + i) % 500}`;
    work.push(ask('PUT', key, `value ${number} ${i}`, { 'Kvfs-Ttl': i % 3 === 0 ? '1' : '1000' }), ask('GET', key), ask('DELETE', `${key}?x`));
  }
  work.push(ask('PUT', '/v1/soak-large/value', large), ask('PUT', '/v1/soak-large/text', text, { 'Content-Type': 'text/plain' }));
  work.push(ask('GET', '/v1/soak?values=1&limit=1000', undefined, { 'Accept-Encoding': 'gzip' }), ask('GET', '/v1/soak?watch=poll&timeout=0'));
  work.push(ask('POST', '/v1/soak', JSON.stringify(Array.from({ length: 100 }, (_, i) => ({ op: 'put', key: `b${i}`, value: number })))));
  work.push(ask('POST', '/v1/soak-large/value', undefined), ask('PATCH', '/v1/soak-large/text?append', 'more'), ask('GET', '/%zz'), ask('POST', '/channels/c', text));
  await Promise.all(work);
  assert.ok((await ask('GET', '/v1/soak-large/value')).bytes.equals(large));
}

test(`memory stays bounded over ${kRounds} rounds`, async () => {
  for (let i = 0; i < kWarmUpRounds; i++) await round(i);
  const before = memoryKiB();
  let most = before;
  for (let i = 0; i < kRounds; i++) {
    await round(kWarmUpRounds + i);
    most = Math.max(most, memoryKiB());
  }
  assert.ok(most - before < kGrowthMaxKiB, `${before} KiB after the warm-up, ${most} KiB at most`);
});
