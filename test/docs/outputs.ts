/** Outputs that a page shows, in which some figures are measured anew in each run. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { ROOT } from '../helpers/child.js'

/** The parts of an output that differ from run to run, and what they look like. */
export type Measured = Readonly<Record<string, RegExp>>

/** A measured figure with its decimals. */
export const FIGURE = /\d+(?:\.\d+)?/

/** What is printed where an output is shown: the same, but for what is measured. */
export function patternOf(shown: string, measured: Measured = {}): RegExp {
  let pattern = escaped(shown)
  for (const [part, form] of Object.entries(measured)) {
    if (!shown.includes(part)) throw new Error(`'${part}' is not in the output that is shown: ${shown}`)
    pattern = pattern.replaceAll(escaped(part), () => form.source)
  }
  return new RegExp(`^${pattern}$`)
}

/** The measured parts that are in an output, of those on its page. */
export function partsIn(shown: string, measured: Measured = {}): Measured {
  return Object.fromEntries(Object.entries(measured).filter(([part]) => shown.includes(part)))
}

function escaped(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&')
}

/** The outputs that a page shows as blocks: indented, or marked as text. @param page `docs/start.md` */
export function outputsOn(page: string): string[] {
  const text = readFileSync(join(ROOT, page), 'utf8').replaceAll(/^```(?!text\n)\w+\n[^]*?^```$/gm, '')
  return Array.from(text.matchAll(/^```text\n([^]*?)^```$|(?<=\n\n)((?: {4}.*\n)+)/gm), ([, block, indented]) => {
    return block ?? indented!.replaceAll(/^ {4}/gm, '')
  })
}

/** The output that a page shows and that begins like this. */
export function outputOn(page: string, begin: string): string {
  const found = outputsOn(page).find((each) => each.startsWith(begin))
  if (found === undefined) throw new Error(`${page} shows no output that begins with '${begin}'`)
  return found
}
