// The console at /ui in headless Chromium, as a person uses it. KVFS_SCREENSHOT=FILE keeps a picture of it.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { chromium } from 'playwright-core';
import { startKvfs, until } from './kvfs.mjs';

const kIni = `[auth]
admin_keys = key-of-all

[tenant acme]
keys = key-of-acme
read_only_keys = reader-of-acme

[tenant other]
keys = key-of-other
`;

let kvfs, browser;
before(async () => {
  kvfs = await startKvfs(kIni);
  browser = await chromium.launch({ executablePath: process.env.CHROMIUM || '/usr/bin/chromium', args: ['--no-sandbox', '--disable-gpu'] });
});
after(async () => {
  await browser?.close();
  await kvfs?.stop();
});

const api = (key, target, options = {}) => fetch(kvfs.url + target, { ...options, headers: { 'X-API-Key': key, ...options.headers } });
const put = (key, target, body, type = 'text/plain') => api(key, target, { method: 'PUT', body, headers: { 'Content-Type': type } });

/** A page of its own, signed in; its errors fail the test. */
async function signedIn(key, work) {
  const context = await browser.newContext({ viewport: { width: 1100, height: 760 } });
  const page = await context.newPage();
  const errors = [];
  page.on('pageerror', (error) => errors.push(error.message));
  page.on('dialog', (dialog) => dialog.accept());
  await page.goto(`${kvfs.url}/ui`);
  await page.getByLabel('API key').fill(key);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await work(page);
  await context.close();
  assert.deepEqual(errors, []);
}

const openKeys = (page) => page.getByRole('tab', { name: 'Keys' }).click();
const note = (page) => page.getByRole('status');
const noteSays = (page, text) => note(page).filter({ hasText: text }).waitFor();
const listed = (page) => page.locator('#list li').allTextContents();

test('the page loads nothing from elsewhere and asks for a key where keys are configured', async () => {
  const page = await browser.newPage();
  const asked = [];
  page.on('request', (request) => asked.push(new URL(request.url()).origin));
  await page.goto(`${kvfs.url}/ui`);
  await noteSays(page, 'API key is needed');
  await page.getByLabel('API key').fill('wrong');
  await page.getByRole('button', { name: 'Sign in' }).click();
  await noteSays(page, 'unknown API key');
  assert.deepEqual([...new Set(asked)], [kvfs.url]);
  await page.close();
});

test('charts show operations, latency, memory, journal and checkpoints, live', async () => {
  await signedIn('key-of-acme', async (page) => {
    await put('key-of-acme', '/v1/default/charted', 'x');
    const card = (title) => page.locator('.card', { has: page.getByRole('heading', { name: title, exact: true }) });
    for (const title of ['HTTP: operations per second', 'HTTP: latency, 99 % below', 'Memory', 'journal bytes', 'checkpoints', 'Keys'])
      await card(title).waitFor();
    const points = () => card('Memory').locator('polyline').getAttribute('points').then((text) => text.split(' ').length);
    const first = await points();
    await until(async () => await points() > first, 'the chart moves on');
    await until(async () => {
      await api('key-of-acme', '/v1/default/charted');
      return Number(await card('HTTP: operations per second').locator('strong').textContent()) > 0;
    }, 'operations are counted');
    assert.match(await card('Memory').locator('strong').textContent(), /MiB/);
    if (process.env.KVFS_SCREENSHOT) {
      for (let i = 0; i < 12; i++) {
        await Promise.all(Array.from({ length: 40 * (1 + i % 5) }, (_, n) => put('key-of-acme', `/v1/photos/2024/${String(n).padStart(3, '0')}`, `picture ${n}`)));
        const before = await points();
        await until(async () => await points() > before, 'the chart moves on');
      }
      await page.screenshot({ path: process.env.KVFS_SCREENSHOT });
    }
  });
});

test('a key is found by prefix, viewed, edited and deleted', async () => {
  for (const name of ['apple', 'apricot', 'banana']) await put('key-of-acme', `/v1/fruit/${name}`, `a ${name}`);
  await signedIn('key-of-acme', async (page) => {
    await openKeys(page);
    await page.locator('#collections button', { hasText: 'fruit' }).click();
    await until(async () => (await listed(page)).length === 3, 'all keys');
    await page.getByLabel('Prefix').fill('ap');
    await page.getByRole('button', { name: 'Search' }).click();
    await until(async () => (await listed(page)).length === 2, 'those with the prefix');
    await page.locator('#list button', { hasText: 'apricot' }).click();
    await until(async () => await page.getByLabel('Value').inputValue() === 'a apricot', 'the value');
    await page.getByLabel('Value').fill('another apricot');
    await page.getByRole('button', { name: 'Save' }).click();
    await noteSays(page, 'Saved');
    const stored = await api('key-of-acme', '/v1/fruit/apricot');
    assert.equal(await stored.text(), 'another apricot');
    assert.match(stored.headers.get('content-type'), /^text\/plain/);
    await page.getByRole('button', { name: 'Delete' }).click();
    await noteSays(page, 'Deleted');
    assert.equal((await api('key-of-acme', '/v1/fruit/apricot')).status, 404);
    assert.equal((await listed(page)).length, 1);
  });
});

test('an edit of what somebody else changed meanwhile is refused', async () => {
  await put('key-of-acme', '/v1/fruit/cherry', 'one');
  await signedIn('key-of-acme', async (page) => {
    await openKeys(page);
    await page.locator('#collections button', { hasText: 'fruit' }).click();
    await page.locator('#list button', { hasText: 'cherry' }).click();
    await until(async () => await page.getByLabel('Value').inputValue() === 'one', 'the value');
    await put('key-of-acme', '/v1/fruit/cherry', 'two');
    await page.getByLabel('Value').fill('mine');
    await page.getByRole('button', { name: 'Save' }).click();
    await noteSays(page, 'Somebody else changed this key');
    assert.equal(await (await api('key-of-acme', '/v1/fruit/cherry')).text(), 'two');
  });
});

test('a new key gets a time to live, which can be changed', async () => {
  await signedIn('key-of-acme', async (page) => {
    await openKeys(page);
    await page.getByRole('button', { name: 'New' }).click();
    await page.getByLabel('Key', { exact: true }).fill('made/here');
    await page.getByLabel('Value').fill('');
    await page.getByLabel('Seconds to live').fill('1000');
    await page.getByRole('button', { name: 'Save' }).click();
    await noteSays(page, 'Saved');
    const collection = await page.locator('#collections button[aria-current=true]').evaluate((button) => button.firstChild.textContent.trim());
    const left = async () => (await api('key-of-acme', `/v1/${collection}/made/here`)).headers.get('kvfs-ttl');
    assert.ok(Number(await left()) > 900);
    await page.getByLabel('Seconds to live').fill('0');
    await page.getByRole('button', { name: 'Set time to live' }).click();
    await noteSays(page, 'Done');
    assert.equal(await left(), null);
  });
});

test('what is no text, and markup, is shown as it is and not run', async () => {
  await put('key-of-acme', '/v1/odd/<img src=x onerror=document.title=1>', '<script>document.title=2</script>', 'text/html');
  await put('key-of-acme', '/v1/odd/binary', Buffer.from([0, 255, 16]), 'application/octet-stream');
  await signedIn('key-of-acme', async (page) => {
    await openKeys(page);
    await page.locator('#collections button', { hasText: 'odd' }).click();
    await page.locator('#list button', { hasText: 'onerror' }).click();
    await until(async () => (await page.getByLabel('Value').inputValue()).startsWith('<script>'), 'the markup as text');
    assert.equal(await page.title(), 'kvfs console');
    await page.locator('#list button', { hasText: 'binary' }).click();
    await until(async () => await page.getByLabel('Value').inputValue() === '00 ff 10', 'bytes in hexadecimal');
    await page.getByRole('button', { name: 'Save' }).click();
    await noteSays(page, 'Only whole text values');
  });
});

test('keys that a browser would read otherwise are those that are asked for', async () => {
  const names = ['x/../y', 'y', 'a//b', 'one\ntwo', 'onetwo', 'what?#%2F+&', '%', 'x/..'];
  for (const name of names) assert.equal((await put('key-of-acme', `/v1/names/${encodeURIComponent(name)}`, `value of ${name}`)).status, 201);
  await signedIn('key-of-acme', async (page) => {
    await openKeys(page);
    await page.locator('#collections button', { hasText: 'names' }).click();
    await until(async () => (await listed(page)).length === names.length, 'all keys');
    for (const name of names) {
      const at = [...names].sort().indexOf(name);
      await page.locator('#list button').nth(at).click();
      await until(async () => await page.getByLabel('Value').inputValue() === `value of ${name}`, `the value of ${name}`);
      await page.getByLabel('Value').fill(`edited ${name}`);
      await page.getByRole('button', { name: 'Save' }).click();
      await noteSays(page, 'Saved');
    }
    for (const name of names) assert.equal(await (await api('key-of-acme', `/v1/names/${encodeURIComponent(name)}`)).text(), `edited ${name}`);
    await page.locator('#list button').nth([...names].sort().indexOf('x/..')).click();
    await until(async () => await page.getByLabel('Value').inputValue() === 'edited x/..', 'the value');
    await page.getByRole('button', { name: 'Delete' }).click();
    await noteSays(page, 'Deleted');
    assert.equal((await listed(page)).length, names.length - 1);
  });
});

test('an edit keeps line ends, a byte order mark and the type, and another name makes another key', async () => {
  await put('key-of-acme', '/v1/kept/dos', '\ufeffone\r\ntwo\r\n');
  await put('key-of-acme', '/v1/kept/mixed', 'one\r\ntwo\nthree');
  await api('key-of-acme', '/v1/kept/count', { method: 'PUT', body: '5', headers: { 'Kvfs-Type': 'counter' } });
  await signedIn('key-of-acme', async (page) => {
    await openKeys(page);
    await page.locator('#collections button', { hasText: 'kept' }).click();
    const edit = async (name, present, next) => {
      await page.locator('#list button', { hasText: name }).click();
      await until(async () => await page.getByLabel('Value').inputValue() === present, `the value of ${name}`);
      if (next !== undefined) await page.getByLabel('Value').fill(next);
      await page.getByRole('button', { name: 'Save' }).click();
    };
    await edit('dos', '\ufeffone\ntwo\n', '\ufeffone\ntwo\nthree\n');
    await noteSays(page, 'Saved');
    assert.equal(Buffer.from(await (await api('key-of-acme', '/v1/kept/dos')).arrayBuffer()).toString(), '\ufeffone\r\ntwo\r\nthree\r\n');
    await edit('mixed', 'one\ntwo\nthree');
    await noteSays(page, 'Only whole text values');
    await edit('count', '5\n', '7\n');
    await noteSays(page, 'Saved');
    assert.equal((await api('key-of-acme', '/v1/kept/count')).headers.get('kvfs-type'), 'counter');
    await page.getByLabel('Key', { exact: true }).fill('count2');
    await page.getByRole('button', { name: 'Save' }).click();
    await noteSays(page, 'Saved');
    assert.equal(await (await api('key-of-acme', '/v1/kept/count2')).text(), '7\n');
    await page.getByLabel('Key', { exact: true }).fill('count');
    await page.getByRole('button', { name: 'Save' }).click();
    await noteSays(page, 'There is a key of this name');
  });
});

test('the live feed tells what happens', async () => {
  await signedIn('key-of-acme', async (page) => {
    await page.getByRole('tab', { name: 'Live feed' }).click();
    await until(async () => await page.locator('#live').textContent() === 'live', 'the feed is connected');
    await put('key-of-acme', '/v1/fruit/date', 'x');
    await put('key-of-other', '/v1/fruit/secret', 'x');
    await put('key-of-acme', '/v1/fruit/elder', 'x');
    const events = page.locator('#events');
    await until(async () => /"key":"elder"/.test(await events.textContent()), 'the change');
    assert.match(await events.textContent(), /"kind":"put","collection":"fruit","key":"date"/);
    assert.doesNotMatch(await events.textContent(), /secret/);
  });
});

test('a key shows its own tenant, an administrator chooses one, a reader cannot write', async () => {
  await put('key-of-other', '/v1/theirs/thing', 'of the other');
  await signedIn('key-of-acme', async (page) => {
    await openKeys(page);
    await page.locator('#collections button').first().waitFor();
    assert.ok(!(await page.locator('#collections').textContent()).includes('theirs'));
    assert.ok(!await page.getByLabel('Tenant').isVisible());
  });
  await signedIn('key-of-all', async (page) => {
    await openKeys(page);
    await page.getByLabel('Tenant').selectOption('other');
    await page.locator('#collections button', { hasText: 'theirs' }).click();
    await page.locator('#list button', { hasText: 'thing' }).click();
    await until(async () => await page.getByLabel('Value').inputValue() === 'of the other', 'the value');
  });
  await signedIn('reader-of-acme', async (page) => {
    await openKeys(page);
    await page.locator('#collections button').first().waitFor();
    await page.getByLabel('Key', { exact: true }).fill('refused');
    await page.getByRole('button', { name: 'Save' }).click();
    await noteSays(page, 'may only read');
  });
});
