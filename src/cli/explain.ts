/** `tripline explain`: how a recorded run ended, and what it was doing. */
import { NativeMissingError } from '../base/errors.js'
import { describeRun } from '../record/describe-run.js'
import { guardsInTime, type TimelyGuard } from '../record/in-time.js'
import { findNewestRecording, recordingFolders } from '../record/places.js'
import { readRecording, type RecordedFile } from '../record/reader.js'
import { parseArguments } from './arguments.js'
import { explainLines } from './explain-text.js'
import { guardCode, runLine } from './guard-code.js'
import { wantsColor } from './terminal.js'
import { EXIT, UsageError, print, printRaw, say } from './usage.js'
import { VERBS } from './verbs.js'

const NARROWEST = 20
/** The exit status without a recording. */
const NO_RECORDING = 1

export async function main(words: readonly string[]): Promise<number> {
  const given = parseArguments(words, VERBS.explain)
  if (given.rest.length > 1) throw new UsageError(`tripline explain takes one file; received '${given.rest[1]}' too`)
  if (given.has('json') && given.has('brief')) throw new UsageError('--json and --brief exclude each other')
  const file = given.rest[0] ?? findNewestRecording()
  if (file === undefined) {
    say(`there is no recording in ${recordingFolders().join(' or ')}`)
    return NO_RECORDING
  }
  const content = readRecording(file)
  const run = describeRun(content)
  const brief = given.has('brief')
  const guards = brief ? undefined : findGuards(content, run.metrics)
  if (given.has('json')) {
    const codeOf = ({ limits, expression }: TimelyGuard): string =>
      run.of === 'command' ? runLine(expression) : guardCode(limits)
    const inTime = guards?.map((each) => ({ ...each, code: codeOf(each) }))
    print(`${JSON.stringify({ ...run, inTime })}\n`)
    return EXIT.ok
  }
  const { isTTY, columns } = process.stdout
  const color = isTTY && wantsColor()
  const width = Math.max(NARROWEST, isTTY ? columns : 80)
  for (const line of explainLines({ run, guards, width, color, brief })) printRaw(`${line}\n`)
  return EXIT.ok
}

/** Undefined without the addon, which decides what a guard would have done. */
function findGuards(content: RecordedFile, metrics: Parameters<typeof guardsInTime>[1]): TimelyGuard[] | undefined {
  try {
    return guardsInTime(content, metrics)
  } catch (error) {
    if (!(error instanceof NativeMissingError)) throw error
    say(error.message)
    return undefined
  }
}
