// After tsc: the manifest, so that oclif need not load every command to know them all, and the help texts, so that help
// loads nothing at all (bin/run.js). Argument: the folder that becomes dist/, below the project.
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Plugin } from '@oclif/core';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const out = process.argv[2] ?? join(root, 'dist');
const built = relative(root, out);

/** @param {string} folder */
async function writeManifest(folder) {
  const pjson = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const plugin = new Plugin({
    errorOnManifestCreate: true,
    ignoreManifest: true,
    isRoot: true,
    pjson: { ...pjson, oclif: { ...pjson.oclif, commands: `./${folder}/commands` } },
    root,
    type: 'core',
  });
  await plugin.load();
  const { manifest } = plugin;
  // oclif finds a command's file by this path, which is another once the folder has taken its place.
  for (const command of Object.values(manifest.commands)) {
    command.relativePath = ['dist', ...command.relativePath.slice(folder.split('/').length)];
  }
  const file = join(root, 'oclif.manifest.json');
  writeFileSync(`${file}.new`, `${JSON.stringify(manifest, null, 2)}\n`);
  renameSync(`${file}.new`, file);
  return Object.keys(manifest.commands).length;
}

/** @param {string} folder */
async function writeHelp(folder) {
  const { loadConfig } = await import(join(root, folder, 'cli', 'main.js'));
  const { helpTexts } = await import(join(root, folder, 'cli', 'help.js'));
  const texts = await helpTexts(() => loadConfig({ root, name: 'kubevip', built: folder }));
  mkdirSync(join(root, folder, 'help'), { recursive: true });
  for (const [words, text] of texts) {
    const name = ['kubevip', ...words.split(' ')].filter((word) => word !== '').join('.');
    writeFileSync(join(root, folder, 'help', `${name}.txt`), text);
  }
}

await writeManifest(built);
await writeHelp(built);
