// Writes docs/reliability.md from the figures of the nets.

import { COLUMNS, figure, TITLES } from './nets.js'

const number = (value) => value.toLocaleString('en', { maximumFractionDigits: 1 })
const plural = (count, one, many) => `${number(count)} ${count === 1 ? one : many}`

const sum = (net, run, column) => (run === undefined ? undefined : figure(net, run.counts, column))

function result(run) {
  if (run === undefined) return '**not run**'
  return run.passed ? 'passed' : '**failed**'
}

/** Text from a run, which must not end a cell or begin markup. */
const inline = (text) => String(text).replaceAll(/[|<>`\s]+/g, ' ')

function commitOf(run) {
  return run?.commit === undefined ? 'unknown' : `\`${inline(run.commit)}\``
}

function row(net, run) {
  const figures = COLUMNS.map((column) => {
    const total = sum(net, run, column)
    return total === undefined ? '-' : number(total)
  })
  const when = run === undefined ? ['-', '-', '-'] : [number(run.minutes), run.date.slice(0, 10), commitOf(run)]
  return `| [${net.title}](#${net.title.toLowerCase().replaceAll(' ', '-')}) | ${[result(run), ...figures, ...when].join(' | ')} |`
}

function section(net, run) {
  const lines = [`### ${net.title}`, '', net.purpose, '']
  if (run === undefined) return [...lines, `Not run here. \`${net.command}\``, '']
  const counts = Object.entries(run.counts).map(([name, count]) =>
    // A seed is no count.
    name === 'seed' ? `seed ${count}` : `${number(count)} ${inline(name)}`,
  )
  const why = run.passed ? '' : `**Failed**${run.why === undefined ? '' : `: ${inline(run.why)}`}. `
  return [
    ...lines,
    `${why}${counts.length > 0 ? `${counts.join(', ')}. ` : 'No figures. '}\`${inline(run.command)}\``,
    '',
  ]
}

const list = (rows) => rows.map(({ net }) => net.title).join(', ')

/** One sentence on the result of all. */
function verdict(rows) {
  const missing = rows.filter(({ run }) => run === undefined)
  const failed = rows.filter(({ run }) => run?.passed === false)
  if (missing.length + failed.length === 0) return `All ${rows.length} nets passed.`
  const parts = [`${rows.length - missing.length - failed.length} of ${rows.length} nets passed.`]
  if (failed.length > 0) parts.push(`**Failed: ${list(failed)}.**`)
  if (missing.length > 0) parts.push(`**Not run: ${list(missing)}.**`)
  return parts.join(' ')
}

/** Where and when the figures were taken. */
function origin(rows) {
  const taken = rows.filter(({ run }) => run !== undefined)
  const different = (value) => [...new Set(taken.map(({ run }) => value(run)))]
  const commits = different(commitOf)
  const machines = different((run) => inline(run.machine ?? 'unknown'))
  const days = different((run) => run.date.slice(0, 10))
  if (taken.length === 0) return ['There are no figures yet.']
  return [
    `- **Date**: ${days.join(', ')}`,
    `- **Machine**: ${machines.join('; ')}`,
    commits.length === 1
      ? `- **Commit**: ${commits[0]}`
      : `- **Commits**: ${commits.join(', ')}. The nets were not all run on the same one: each row names its own.`,
  ]
}

/**
 * The text of the page.
 *
 * @param nets as in `nets.js`
 * @param runs the latest runs, as `readRuns()` returns them; a net without one is shown as not run
 */
export function reliabilityPage(nets, runs) {
  const rows = nets.map((net) => ({ net, run: runs.find(({ name }) => name === net.name) }))
  const totals = COLUMNS.map((column) => rows.reduce((all, { net, run }) => all + (sum(net, run, column) ?? 0), 0))
  const minutes = rows.reduce((all, { run }) => all + (run?.minutes ?? 0), 0)
  const head = ['net', 'result', ...COLUMNS.map((column) => TITLES[column] ?? column), 'minutes', 'date', 'commit']
  return [
    '<!-- Written by scripts/test-all.js: run `npm run test:all`, or with `-- --write` to write only the page. -->',
    '',
    '# Reliability',
    '',
    `What tripline is tested with, and what the last run of \`npm run test:all\` has counted. ${verdict(rows)}`,
    '',
    ...origin(rows),
    '',
    '| ' + head.join(' | ') + ' |',
    '|' + '---|'.repeat(head.length),
    ...rows.map(({ net, run }) => row(net, run)),
    `| **all** | ${plural(rows.filter(({ run }) => run?.passed).length, 'net', 'nets')} passed | ${totals.map(number).join(' | ')} | ${number(minutes)} | | |`,
    '',
    '- **Cases** are tests that passed, each with at least one assertion. A test that runs under several nets counts in each.',
    '- **Executions** are inputs of fuzzers, random programs, and runs of a program under a sanitizer or with a fault.',
    '- **Operations** are rounds of work under load or in a soak, and steps of random programs.',
    '- **Mutants** are deliberate errors, of which the tests have to notice nine in ten.',
    '- **Faults injected** are system calls that were made to fail.',
    '',
    '## What each net is for',
    '',
    ...rows.flatMap(({ net, run }) => section(net, run)),
  ]
    .join('\n')
    .replace(/\n+$/, '\n')
}
