/** Prints the help, which fits a screen of 24 lines and 80 columns. */
import { alignColumns } from './columns.js'
import { VERBS, type VerbName } from './verbs.js'

export function overview(): string {
  const verbs = Object.keys(VERBS) as VerbName[]
  return [
    'tripline: limits on what this machine is doing',
    '',
    ...alignColumns(
      verbs.map((name) => [`  tripline ${name}`, VERBS[name].summary]),
      { gap: 1 },
    ),
    '',
    'tripline VERB --help says more. Some ways to begin:',
    '',
    '  tripline run --timeout 10m --memory 2GB -- make -j4',
    "  tripline run --limit 'temperature>80 for 5s' --on-breach pause -- ./crunch",
    "  tripline watch --limit 'memory>90' memory cpu pressure.memory",
    '  tripline profile -- npm test',
    '',
  ].join('\n')
}

export function help(name: VerbName): string {
  const { summary, usage, options, notes = [] } = VERBS[name]
  const rows = Object.entries(options).map(([long, { short, value, help: text }]) => {
    const left = `${short === undefined ? '' : `-${short}, `}--${long}${value === undefined ? '' : ` ${value}`}`
    return [`  ${left}`, text]
  })
  return [
    `tripline ${name} ${usage}`,
    `${summary[0]!.toUpperCase()}${summary.slice(1)}.`,
    ...alignColumns(rows),
    ...notes,
    '',
  ].join('\n')
}
