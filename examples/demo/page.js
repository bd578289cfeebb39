// What the demo prints: at most 80 columns wide, with colors on a terminal.
import { setTimeout as sleep } from 'node:timers/promises'

const WIDTH = 80
const isTerminal = process.stdout.isTTY
// https://no-color.org: any value that is not empty turns colors off.
const hasColors = isTerminal && (process.env.NO_COLOR ?? '') === ''

// These can be read on a light and on a dark background.
const BOLD = 1
const RED = 31
const GREEN = 32
const CYAN = 36

function print(lines, color) {
  const isPainted = hasColors && color !== undefined
  for (const line of lines) console.log(isPainted && line !== '' ? `\u001B[${color}m${line}\u001B[0m` : line)
}

/** Breaks text between words. */
function wrap(text, first, next = first) {
  const lines = []
  let line = first
  let isEmpty = true
  for (const word of text.split(' ')) {
    if (!isEmpty && line.length + 1 + word.length > WIDTH) {
      lines.push(line)
      line = next
      isEmpty = true
    }
    line += isEmpty ? word : ` ${word}`
    isEmpty = false
  }
  return [...lines, line]
}

export function heading(text) {
  print(['', text], BOLD)
}

export function paragraph(text) {
  print(wrap(text, ''))
}

/** Prints a function as it is in its file. */
export function code(example) {
  const lines = String(example).split('\n')
  print(['', ...lines.map((line) => (line === '' ? '' : `    ${line}`)), ''], CYAN)
}

export function command(line) {
  print([`    $ ${line}`, ''], CYAN)
}

/** What went wrong. */
export function bad(text) {
  print(wrap(text, '✗ ', '  '), RED)
}

/** What tripline made of it. */
export function good(text) {
  print(wrap(text, '✓ ', '  '), GREEN)
}

export function note(text) {
  print(wrap(text, '  '))
}

/** A bar that grows on a terminal; elsewhere only its last state is printed. */
export class Bar {
  #line = ''

  /** @param share from 0 to 1 */
  draw(share, text) {
    const cells = Math.round(30 * Math.max(0, Math.min(1, share)))
    this.#line = `  [${'#'.repeat(cells).padEnd(30, '.')}] ${text}`
    if (isTerminal) process.stdout.write(`\r\u001B[K${this.#line}`)
  }

  end() {
    console.log(isTerminal ? '' : this.#line)
  }
}

/** Time to read, on a terminal. */
export async function pause() {
  if (isTerminal) await sleep(700)
}
