// The HTTP door as an npm HTTP client (undici) uses it: pooled connections, pipelines, streams, compression.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, test } from 'node:test';
import { Readable } from 'node:stream';
import { gunzipSync } from 'node:zlib';
import { Pool, fetch, request } from 'undici';
import { startKvfs, until } from './kvfs.mjs';

let kvfs;
before(async () => { kvfs = await startKvfs(); });
after(async () => { await kvfs?.stop(); });

test('values keep their bytes, type and ETag through fetch', async () => {
  const put = await fetch(`${kvfs.url}/v1/c/a%2Fb%20c`, { method: 'PUT', body: 'grüße', headers: { 'Content-Type': 'text/plain; charset=utf-8' } });
  assert.equal(put.status, 201);
  const get = await fetch(`${kvfs.url}/v1/c/a/b%20c`);
  assert.equal(await get.text(), 'grüße');
  assert.equal(get.headers.get('content-type'), 'text/plain; charset=utf-8');
  assert.equal(get.headers.get('etag'), put.headers.get('etag'));
  const unchanged = await fetch(`${kvfs.url}/v1/c/a/b%20c`, { headers: { 'If-None-Match': get.headers.get('etag') } });
  assert.equal(unchanged.status, 304);
  const lost = await fetch(`${kvfs.url}/v1/c/a/b%20c`, { method: 'PUT', body: 'x', headers: { 'If-None-Match': '*' } });
  assert.equal(lost.status, 412);
  assert.equal((await lost.json()).code, 'precondition_failed');
});

test('many requests share pipelined connections and each gets its own answer', async () => {
  const pool = new Pool(kvfs.url, { connections: 4, pipelining: 16 });
  await Promise.all(Array.from({ length: 500 }, (_, i) => pool.request({ path: `/v1/many/${i}`, method: 'PUT', body: `value ${i}` })
    .then(({ statusCode, body }) => { assert.equal(statusCode, 201); return body.dump(); })));
  const values = await Promise.all(Array.from({ length: 500 }, (_, i) => pool.request({ path: `/v1/many/${i}`, method: 'GET' })
    .then(({ body }) => body.text())));
  values.forEach((value, i) => assert.equal(value, `value ${i}`));
  await pool.close();
});

test('a large value is streamed up in chunks and down by pieces', async () => {
  const bytes = randomBytes(20 * 1024 * 1024);
  const pieces = Array.from({ length: 320 }, (_, i) => bytes.subarray(i * 65536, (i + 1) * 65536));
  const up = await request(`${kvfs.url}/v1/c/large`, { method: 'PUT', body: Readable.from(pieces) });
  assert.equal(up.statusCode, 201);
  const down = await request(`${kvfs.url}/v1/c/large`);
  assert.equal(down.headers['content-length'], String(bytes.length));
  assert.ok(Buffer.from(await down.body.arrayBuffer()).equals(bytes));
  const part = await request(`${kvfs.url}/v1/c/large`, { headers: { Range: 'bytes=-10' } });
  assert.equal(part.statusCode, 206);
  assert.ok(Buffer.from(await part.body.arrayBuffer()).equals(bytes.subarray(-10)));
});

test('an upload that the client aborts leaves the value as it was', async () => {
  await request(`${kvfs.url}/v1/c/kept`, { method: 'PUT', body: 'before' });
  const abort = new AbortController();
  async function* endless() {
    for (let i = 0; ; i++) {
      yield Buffer.alloc(65536);
      if (i === 20) abort.abort();
    }
  }
  await assert.rejects(request(`${kvfs.url}/v1/c/kept`, { method: 'PUT', body: Readable.from(endless()), signal: abort.signal }));
  assert.equal(await (await fetch(`${kvfs.url}/v1/c/kept`)).text(), 'before');
});

test('text comes compressed to who asks, and a conditional write takes the ETag that came with it', async () => {
  const text = 'a line that repeats\n'.repeat(1000);
  await fetch(`${kvfs.url}/v1/c/text`, { method: 'PUT', body: text, headers: { 'Content-Type': 'text/plain' } });
  const raw = await request(`${kvfs.url}/v1/c/text`, { headers: { 'Accept-Encoding': 'gzip' } });
  assert.equal(raw.headers['content-encoding'], 'gzip');
  const packed = Buffer.from(await raw.body.arrayBuffer());
  assert.ok(packed.length < text.length / 10);
  assert.equal(gunzipSync(packed).toString(), text);
  const decoded = await fetch(`${kvfs.url}/v1/c/text`); // fetch asks for gzip and undoes it
  assert.equal(await decoded.text(), text);
  const saved = await fetch(`${kvfs.url}/v1/c/text`, { method: 'PUT', body: 'new', headers: { 'If-Match': decoded.headers.get('etag') } });
  assert.equal(saved.status, 204);
});

test('a collection is read page by page and as lines', async () => {
  const operations = Array.from({ length: 2500 }, (_, i) => ({ op: 'put', key: `k${String(i).padStart(5, '0')}`, value: { n: i } }));
  const batch = await fetch(`${kvfs.url}/v1/pages`, { method: 'POST', body: JSON.stringify({ operations }) });
  assert.equal((await batch.json()).results.length, 2500);
  const seen = [];
  for (let cursor = ''; cursor !== undefined;) {
    const page = await (await fetch(`${kvfs.url}/v1/pages?values=1&limit=1000${cursor && `&cursor=${cursor}`}`)).json();
    seen.push(...page.keys);
    cursor = page.cursor;
  }
  assert.deepEqual(seen.map(({ value }) => value.n), operations.map((_, i) => i));
  const lines = await (await fetch(`${kvfs.url}/v1/pages`, { headers: { Accept: 'application/x-ndjson' } })).text();
  assert.equal(lines.trimEnd().split('\n').length, 2500);
});

test('changes and messages arrive as events', async () => {
  const abort = new AbortController();
  const heard = { changes: '', messages: '' };
  const listen = async (name, target) => {
    const answer = await fetch(kvfs.url + target, { headers: { Accept: 'text/event-stream' }, signal: abort.signal });
    assert.equal(answer.status, 200);
    (async () => { for await (const piece of answer.body) heard[name] += Buffer.from(piece).toString(); })().catch(() => {});
  };
  await listen('changes', '/v1/events');
  await listen('messages', '/channels?pattern=ro*');
  await fetch(`${kvfs.url}/v1/events/key`, { method: 'PUT', body: 'x' });
  const sent = await fetch(`${kvfs.url}/channels/room`, { method: 'POST', body: 'hello' });
  assert.deepEqual(await sent.json(), { receivers: 1 });
  await until(() => /"kind":"put","collection":"events","key":"key"/.test(heard.changes), 'the change');
  await until(() => /"channel":"room","pattern":"ro\*","payload":"hello"/.test(heard.messages), 'the message');
  abort.abort();
});
