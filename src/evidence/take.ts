/** Takes one kind of evidence after the other and collects what came of each. */
import { loadBuiltin } from '../base/builtin.js'
import { printable } from '../base/printable.js'
import type { Breach, StackFrame } from '../base/reason.js'
import { EvidenceStore, type EvidenceFile } from './files.js'
import { Inspector } from './inspect.js'
import type { EvidenceKind, EvidenceSettings } from './options.js'

/** What came of one kind of evidence. */
export type EvidenceItem =
  | {
      /** What was asked for. */
      readonly kind: EvidenceKind
      /** The full path of the file. */
      readonly file: string
      /** In bytes. */
      readonly size: number
    }
  | {
      /** What was asked for. */
      readonly kind: EvidenceKind
      /** Why there is no file. */
      readonly error: Error
    }

/**
 * Never rejects.
 *
 * @param ofMain whether the main thread is inspected from this one
 * @param breach for the kinds that need it
 */
export async function takeEvidence(
  kinds: readonly EvidenceKind[],
  settings: EvidenceSettings,
  ofMain: boolean,
  breach?: Breach,
): Promise<EvidenceItem[]> {
  const items: EvidenceItem[] = []
  for (const kind of kinds) {
    try {
      // One after the other: a profile that is recorded during a snapshot shows nothing else.
      items.push({ kind, ...(await takeOne(kind, settings, ofMain, breach)) })
    } catch (error) {
      items.push({ kind, error: error instanceof Error ? error : new Error(String(error)) })
    }
  }
  return items
}

async function takeOne(
  kind: EvidenceKind,
  settings: EvidenceSettings,
  ofMain: boolean,
  breach: Breach | undefined,
): Promise<{ file: string; size: number }> {
  const text = kind === 'stack' ? stackText(breach) : ''
  using store = new EvidenceStore(settings)
  const file = store.create(kind)
  try {
    await write(file, kind, text, settings, ofMain)
  } catch (error) {
    file.abandon()
    throw error
  }
  return { file: file.path, size: file.done() }
}

async function write(
  file: EvidenceFile,
  kind: EvidenceKind,
  text: string,
  { profileFor }: EvidenceSettings,
  ofMain: boolean,
): Promise<void> {
  if (kind === 'stack') return file.write(text)
  if (kind === 'report') return file.write(reportText())
  using inspector = new Inspector(ofMain)
  await (kind === 'profile' ? inspector.writeProfile(file, profileFor) : inspector.writeSnapshot(file))
}

function reportText(): string {
  const { report } = loadBuiltin('node:process')
  return `${JSON.stringify(report?.getReport?.() ?? noReport(), null, 2)}\n`
}

function noReport(): never {
  throw new Error('this runtime has no diagnostic report')
}

/** One line per frame. */
function stackText(breach: Breach | undefined): string {
  const stack = breach?.stack
  if (stack === undefined || stack.length === 0) {
    throw new Error(
      "the breach has no stack: a limit on eventLoop.delay with 'stack: true' has one, where the runtime can",
    )
  }
  // Code chooses the names of its functions and files.
  return stack.map((each) => `    at ${printable(nameOf(each))}\n`).join('')
}

function nameOf({ function: name, file, line, column }: StackFrame): string {
  return `${name === '' ? '<anonymous>' : name} (${file === '' ? '<eval>' : file}:${line}:${column})`
}
