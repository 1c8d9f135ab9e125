// Prints a chat page as one script for a browser: {script}.
//
// Standard input: {source}: of another page than page.jsx, or null.

import { build } from 'esbuild';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';

const { source } = JSON.parse(await text(process.stdin));
const folder = fileURLToPath(new URL('.', import.meta.url));
const input = source
  ? { stdin: { contents: source, resolveDir: folder, loader: 'jsx' } }
  : { entryPoints: [fileURLToPath(new URL('page.jsx', import.meta.url))] };
const built = await build({
  ...input,
  bundle: true,
  write: false,
  format: 'esm',
  jsx: 'automatic',
  define: { 'process.env.NODE_ENV': '"production"' },
});
console.log(JSON.stringify({ script: built.outputFiles[0].text }));
