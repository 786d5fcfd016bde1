// The Redis door as node-redis uses it, by RESP2 and RESP3: what the client sends on its own, typed replies, pub/sub.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { BasicClientSideCache, RESP_TYPES, createClient } from 'redis';
import { startKvfs, until } from './kvfs.mjs';

let kvfs;
const clients = [];
before(async () => { kvfs = await startKvfs('[tenant one]\nkeys = key-of-one\n'); });
after(async () => {
  for (const client of clients) if (client.isOpen) client.destroy();
  await kvfs?.stop();
});

async function connect(protocol, options = {}) {
  const client = createClient({ url: `redis://default:key-of-one@127.0.0.1:${kvfs.resp}`, RESP: protocol, ...options });
  clients.push(client);
  client.on('error', () => {});
  return client.connect();
}

for (const protocol of [2, 3]) {
  test(`RESP${protocol}: strings, counters, expiry`, async () => {
    const client = await connect(protocol, { name: 'tester', database: 1 });
    assert.equal(await client.clientGetName(), 'tester');
    assert.equal(await client.set('k', 'v', { expiration: { type: 'EX', value: 100 }, condition: 'NX' }), 'OK');
    assert.equal(await client.set('k', 'w', { condition: 'NX' }), null);
    assert.ok([99, 100].includes(await client.ttl('k')));
    await client.del(['n', 'k']);
    assert.equal(await client.incrBy('n', 41), 41);
    assert.equal(await client.incrByFloat('n', 0.5), '41.5');
    assert.deepEqual(await client.mGet(['n', 'none']), ['41.5', null]);
    await client.close();
  });

  test(`RESP${protocol}: sets`, async () => {
    const client = await connect(protocol);
    await client.del('s');
    assert.equal(await client.sAdd('s', ['a', 'b', 'c']), 3);
    assert.deepEqual([...await client.sMembers('s')].sort(), ['a', 'b', 'c']);
    assert.equal(await client.sIsMember('s', 'a'), 1);
    assert.equal(await client.type('s'), 'set');
    await assert.rejects(client.get('s'), /WRONGTYPE/);
    await client.close();
  });

  test(`RESP${protocol}: bytes, MULTI, and what WATCH refuses`, async () => {
    const client = await connect(protocol), other = await connect(protocol);
    const bytes = Buffer.from([0, 255, 13, 10, 36]);
    await client.set('bytes', bytes);
    const got = await client.withTypeMapping({ [RESP_TYPES.BLOB_STRING]: Buffer }).get('bytes');
    assert.ok(got.equals(bytes));
    assert.deepEqual(await client.multi().set('m', '1').incr('m').exec(), ['OK', 2]);
    await client.watch('m');
    await other.set('m', 'changed');
    await assert.rejects(client.multi().set('m', 'lost').exec(), /watched keys/i);
    await client.close();
    await other.close();
  });

  test(`RESP${protocol}: subscriptions by channel and pattern`, async () => {
    const listener = await connect(protocol), speaker = await connect(protocol);
    const heard = [];
    await listener.subscribe('news', (text, channel) => heard.push([channel, text]));
    await listener.pSubscribe('w*', (text, channel) => heard.push([channel, text]));
    assert.equal(await speaker.publish('news', 'a'), 1);
    assert.equal(await speaker.publish('weather', 'b'), 1);
    await until(() => heard.length === 2, 'two messages');
    assert.deepEqual(heard, [['news', 'a'], ['weather', 'b']]);
    await listener.unsubscribe('news');
    await listener.pUnsubscribe('w*');
    assert.equal(String(await listener.ping()), 'PONG'); // by RESP2 a Buffer, whatever the type mapping
    await listener.close();
    await speaker.close();
  });

  test(`RESP${protocol}: a scan meets every key once`, async () => {
    const client = await connect(protocol);
    await client.mSet(Array.from({ length: 500 }, (_, i) => [`scan/${i}`, String(i)]));
    const keys = new Set();
    for await (const page of client.scanIterator({ MATCH: 'scan/*', COUNT: 50 })) for (const key of page) {
      assert.ok(!keys.has(key));
      keys.add(key);
    }
    assert.equal(keys.size, 500);
    await client.close();
  });
}

test('a client-side cache answers by itself until any door changes what it holds', async () => {
  const cache = new BasicClientSideCache({ ttl: 0, maxEntries: 100, evictPolicy: 'LRU', recordStats: true });
  const caching = await connect(3, { clientSideCache: cache }), other = await connect(2);
  await other.set('cached', 'one');
  for (let i = 0; i < 3; i++) assert.equal(await caching.get('cached'), 'one');
  assert.deepEqual([cache.stats().missCount, cache.stats().hitCount], [1, 2]);
  await other.set('cached', 'two');
  await until(async () => await caching.get('cached') === 'two', 'a change by RESP is told');
  const put = await fetch(`${kvfs.url}/v1/default/cached`, { method: 'PUT', body: 'three',
    headers: { authorization: 'Bearer key-of-one' } });
  assert.ok(put.ok);
  await until(async () => await caching.get('cached') === 'three', 'a change by HTTP is told');
  await other.flushDb();
  await until(async () => await caching.get('cached') === null, 'a flush is told');
  await caching.close();
  await other.close();
});
