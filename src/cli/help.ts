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

/** The help of a verb: the options that fit a screen, or all of them. */
export function help(name: VerbName, all: boolean): string {
  const { summary, usage, options, notes = [] } = VERBS[name]
  const shown = Object.entries(options).filter(([, { rare = false }]) => all || !rare)
  const more = Object.keys(options).length - shown.length
  const rows = shown.map(([long, { short, value, optional = false, help: text }]) => {
    const left = `${short === undefined ? '' : `-${short}, `}--${long}${valueText(value, optional)}`
    return [`  ${left}`, text]
  })
  return [
    `tripline ${name} ${usage}`.trimEnd(),
    `${summary[0]!.toUpperCase()}${summary.slice(1)}.`,
    ...alignColumns(rows),
    ...notes,
    ...(more === 0 ? [] : [`${more} more options: tripline help ${name} --all`]),
    '',
  ].join('\n')
}

function valueText(value: string | undefined, optional: boolean): string {
  if (value === undefined) return ''
  return optional ? `[=${value}]` : ` ${value}`
}
