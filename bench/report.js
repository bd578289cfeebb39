// node bench/report.js: writes docs/performance.md from bench/results/*.json, so that no figure is typed by hand.
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const here = fileURLToPath(new URL('.', import.meta.url))

const results = readdirSync(`${here}results`)
  .filter((name) => name.endsWith('.json'))
  .toSorted((a, b) => (a < b ? -1 : 1))
  .map((name) => JSON.parse(readFileSync(`${here}results/${name}`, 'utf8')))

const parts = [
  `# Performance

Written by \`node bench/report.js\` from \`bench/results/*.json\`, which \`npm run bench\` writes; \`bench/README.md\` says how
things are measured. A target that was missed is shown like one that was met, and its note says what stands in the way.
`,
]
for (const { suite, title, machine, rows } of results) {
  const aimed = rows.filter((each) => each.met !== null)
  parts.push(`## ${suite}: ${title}

${describe(machine)} ${aimed.filter((each) => each.met).length} of ${aimed.length} targets met.

| | what | measured | target | |
|---|---|---|---|---|
${rows.map(tableRow).join('\n')}
`)
}
mkdirSync(`${here}../docs`, { recursive: true })
writeFileSync(`${here}../docs/performance.md`, parts.join('\n'))

function describe({ cpu, cores, memory, virtual, kernel, node, package: version, date }) {
  const guest = virtual === 'none' ? '' : ', a virtual machine'
  return `tripline ${version}, ${date}: ${cpu}, ${cores} CPUs, ${memory}${guest}, ${kernel}, Node ${node}.`
}

function tableRow({ name, value, unit, target, met, note }) {
  const mark = met === null ? '' : met ? '✓' : '✗'
  const measured = value === null ? 'not measured' : `${value} ${unit}`
  return `| ${mark} | ${[name, measured, target, note].map(escape).join(' | ')} |`
}

function escape(text) {
  return text.replaceAll('|', '\\|')
}
