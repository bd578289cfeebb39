// Writes the number by which the addon and JavaScript recognize each other: `npm run generate`. It is a hash of the
// addon's interface, its tables of names, and the layout of the board. (The metrics are compared by their names.) An
// addon with another number would misread its arguments, or write outside of the board's memory.
import { createHash } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { read } from './generate-metrics.js'

const GENERATED = 'written by scripts/generate-contract.js, not edited by hand.'

/** The interface as text, without comments, because changes of comments do not matter. */
export function agreement(native = read('src/addon/native.ts'), board = read('src/addon/board.ts')) {
  const code = native.replaceAll(/\/\*[^]*?\*\//g, '')
  const interfaces = code.match(/^export (?:interface|type|const [A-Z_]+) [^]*?\n(?=\n|$)/gm)
  const layout = board.match(/^const [A-Z_]+ = .*$/gm)
  return [...interfaces, ...layout].join('\n').replaceAll(/\s+/g, ' ')
}

/** The generated files. */
export function contractFiles() {
  const number = createHash('sha256').update(agreement()).digest().readUInt32BE()
  return {
    'src/addon/contract.ts': `/** Identifies the interface between this version and its addon; ${GENERATED} */
export const CONTRACT = ${number}
`,
    'native/node/contract.h': `// Identifies the interface between this version and its addon;
// ${GENERATED}
#pragma once

#include <cstdint>

namespace tripline {

constexpr uint32_t kContract = ${number}u;

}  // namespace tripline
`,
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const [path, text] of Object.entries(contractFiles()))
    writeFileSync(new URL(`../${path}`, import.meta.url), text)
}
