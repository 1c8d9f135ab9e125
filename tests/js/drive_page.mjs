// Opens the chat page in a browser that `serve_browser.mjs` keeps, and does what a user would do.
//
// Standard input: {endpoint, page, steps}, where a step is ["send", text], ["click", button], ["see", text],
// ["status", word], ["reload", ""] or ["fetch", address]. Standard output: {messages, seen, error, picked, logged}.

import { chromium } from 'playwright-core';
import { text } from 'node:stream/consumers';

const { endpoint, page: address, steps } = JSON.parse(await text(process.stdin));
const browser = await chromium.connect(endpoint);
try {
  const page = await (await browser.newContext()).newPage();
  page.setDefaultTimeout(30_000);
  const logged = [];
  page.on('pageerror', error => logged.push(String(error)));
  await page.goto(address);
  const actions = {
    async send(words) {
      await page.fill('#text', words);
      await page.click('text=Send');
    },
    click: label => page.click(`button:has-text("${label}")`),
    see: words => page.getByText(words).first().waitFor(),
    reload: () => page.reload(),
    fetch: url => fetch(url),
    status: word => page.waitForFunction(wanted => document.querySelector('#status').textContent === wanted, word),
  };
  for (const [action, argument] of steps) await actions[action](argument);
  // What only the page of the tests keeps for us; another page has none of it.
  const kept = await page.evaluate(() => ({
    messages: window.chat?.messages,
    seen: window.seen,
    picked: window.kept?.picked,
    error: document.querySelector('#error')?.textContent,
  }));
  console.log(JSON.stringify({ ...kept, logged }));
} finally {
  await browser.close();
}
