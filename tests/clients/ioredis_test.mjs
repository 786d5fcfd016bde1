// The Redis door as ioredis uses it: HELLO and AUTH, pipelines, MULTI, subscriptions, SCAN streams, what waits.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Redis } from 'ioredis';
import { startKvfs, until } from './kvfs.mjs';

let kvfs, redis;
const clients = [];
before(async () => {
  kvfs = await startKvfs('[tenant one]\nkeys = key-of-one\nread_only_keys = reader-of-one\n[tenant two]\nkeys = key-of-two\n');
  redis = connect();
});
after(async () => {
  for (const client of clients) client.disconnect();
  await kvfs?.stop();
});
function connect(options = {}) {
  clients.push(new Redis({ host: '127.0.0.1', port: kvfs.resp, password: 'key-of-one', ...options }));
  return clients.at(-1);
}

test('a connection is ready with its password, database and name', async () => {
  const client = connect({ db: 3, connectionName: 'tester' });
  assert.equal(await client.client('GETNAME'), 'tester');
  await client.set('where', 'three');
  assert.equal(await redis.get('where'), null);
  assert.match(await client.info('server'), /redis_version:/);
});

test('a wrong password and a read-only key are refused with their codes', async () => {
  const wrong = connect({ password: 'wrong', retryStrategy: null, maxRetriesPerRequest: 0, lazyConnect: true });
  wrong.on('error', () => {});
  await assert.rejects(wrong.connect().then(() => wrong.get('x')), /WRONGPASS|NOAUTH|closed/i);
  const reader = connect({ password: 'reader-of-one' });
  await redis.set('readable', '1');
  assert.equal(await reader.get('readable'), '1');
  await assert.rejects(reader.set('x', '1'), /NOPERM/);
});

test('tenants do not see each other', async () => {
  const other = connect({ username: 'two', password: 'key-of-two' });
  await redis.set('mine', 'of one');
  assert.equal(await other.get('mine'), null);
});

test('bytes come back as they went', async () => {
  const bytes = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
  await redis.set('bytes', bytes);
  assert.ok((await redis.getBuffer('bytes')).equals(bytes));
  assert.equal(await redis.strlen('bytes'), 256);
});

test('a pipeline answers in order, with each error in its place', async () => {
  const results = await redis.pipeline().set('p', '1').incr('p').sadd('p', 'member').get('p').exec();
  assert.deepEqual(results.map(([error, value]) => error ? error.message.split(' ')[0] : value), ['OK', 2, 'WRONGTYPE', '2']);
});

test('automatic pipelining of a thousand commands', async () => {
  const client = connect({ enableAutoPipelining: true });
  await Promise.all(Array.from({ length: 1000 }, (_, i) => client.set(`auto/${i}`, i)));
  const values = await Promise.all(Array.from({ length: 1000 }, (_, i) => client.get(`auto/${i}`)));
  assert.deepEqual(values, Array.from({ length: 1000 }, (_, i) => String(i)));
});

test('MULTI is all or nothing, and WATCH sees a change in between', async () => {
  assert.deepEqual(await redis.multi().set('m', '1').incr('m').exec(), [[null, 'OK'], [null, 2]]);
  const client = connect();
  await client.watch('m');
  await redis.set('m', 'changed');
  assert.equal(await client.multi().set('m', 'lost').exec(), null);
  assert.equal(await redis.get('m'), 'changed');
});

test('messages come by channel and by pattern', async () => {
  const listener = connect();
  const heard = [];
  listener.on('message', (channel, text) => heard.push([channel, text]));
  listener.on('pmessage', (pattern, channel, text) => heard.push([pattern, channel, text]));
  assert.equal(await listener.subscribe('news', 'sport'), 2);
  assert.equal(await listener.psubscribe('w*'), 3);
  assert.equal(await redis.publish('news', 'a'), 1);
  assert.equal(await redis.publish('weather', 'b'), 1);
  const sent = await fetch(`${kvfs.url}/channels/sport`, { method: 'POST', body: 'by http', headers: { 'X-API-Key': 'key-of-one' } });
  assert.deepEqual(await sent.json(), { receivers: 1 });
  await until(() => heard.length === 3, 'three messages');
  assert.deepEqual(heard, [['news', 'a'], ['w*', 'weather', 'b'], ['sport', 'by http']]);
  await listener.unsubscribe('news', 'sport');
  await listener.punsubscribe('w*');
  assert.equal(await listener.ping(), 'PONG');
});

test('a scan stream meets every key once', async () => {
  await redis.mset(Object.fromEntries(Array.from({ length: 1000 }, (_, i) => [`scan/${i}`, i])));
  const keys = [];
  for await (const page of redis.scanStream({ match: 'scan/*', count: 100 })) keys.push(...page);
  assert.equal(keys.length, 1000);
  assert.equal(new Set(keys).size, 1000);
});

test('values expire', async () => {
  await redis.set('short', 'x', 'PX', 50);
  await until(async () => await redis.get('short') === null, 'the key expires');
  assert.equal(await redis.ttl('readable'), -1);
});

test('an unknown command is an error and the connection goes on', async () => {
  await assert.rejects(redis.call('NOSUCHCOMMAND', 'x'), /ERR unknown command/);
  assert.equal(await redis.ping(), 'PONG');
});
