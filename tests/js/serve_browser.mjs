// Keeps a headless Chromium running for several pages: prints {endpoint} and ends when its standard input does.
//
// Argument: the browser's command.

import { chromium } from 'playwright-core';

const server = await chromium.launchServer({
  executablePath: process.argv[2],
  headless: true,
  args: [
    '--no-sandbox',
    '--disable-gpu',
    '--disable-quic',
    '--no-first-run',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
  ],
});
console.log(JSON.stringify({ endpoint: server.wsEndpoint() }));
process.stdin.on('end', () => server.close());
process.stdin.resume();
