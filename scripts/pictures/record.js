// Records what a command shows on a terminal: the screen, cell by cell, each time that it has changed.
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import xterm from '@xterm/headless'

const PTY = fileURLToPath(new URL('../../test/helpers/terminal.py', import.meta.url))
/** Changes that follow each other faster are one frame. */
const CALM_MS = 120

/**
 * Runs a command on a terminal of 80 columns. Returns the frames, each with the time at which it came and its lines; a line
 * is a list of runs of cells with one style.
 */
export async function record(command, { rows, columns = 80, edit = (text) => text }) {
  const terminal = new xterm.Terminal({ cols: columns, rows, allowProposedApi: true, scrollback: 0 })
  const { NO_COLOR: _, ...env } = process.env
  const child = spawn('python3', [PTY, ...command], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { ...env, TERM: 'xterm-256color' },
  })
  // Waits for the size before the program prints.
  child.stdin.write(`${JSON.stringify({ resize: [rows, columns] })}\n`)
  const frames = []
  const started = performance.now()
  const take = () => {
    const lines = screen(terminal)
    const text = JSON.stringify(lines)
    if (frames.at(-1)?.text === text) return
    const at = performance.now() - started
    if (frames.length > 0 && at - frames.at(-1).at < CALM_MS) frames.pop()
    frames.push({ at, lines, text })
  }
  let pending = Promise.resolve()
  child.stdout.setEncoding('utf8')
  child.stdout.on('data', (chunk) => {
    pending = pending.then(() => new Promise((resolve) => terminal.write(edit(chunk), resolve))).then(take)
  })
  await new Promise((resolve) => child.on('close', resolve))
  await pending
  return frames.map(({ at, lines }) => ({ at, lines }))
}

function screen(terminal) {
  const buffer = terminal.buffer.active
  const lines = []
  for (let y = 0; y < terminal.rows; y++) lines.push(runsOf(buffer.getLine(buffer.viewportY + y), terminal.cols))
  return lines
}

function runsOf(line, columns) {
  const runs = []
  for (let x = 0; x < columns; x++) {
    const cell = line.getCell(x)
    const style = {
      color: cell.isFgDefault() ? undefined : cell.getFgColor(),
      bold: cell.isBold() !== 0,
      dim: cell.isDim() !== 0,
      inverse: cell.isInverse() !== 0,
    }
    const text = cell.getChars() || ' '
    const last = runs.at(-1)
    if (last !== undefined && sameStyle(last.style, style)) last.text += text
    else runs.push({ x, text, style })
  }
  // What follows the last word of a line is not seen.
  const last = runs.at(-1)
  if (!last.style.inverse) last.text = last.text.trimEnd()
  return runs.filter(({ text, style }) => style.inverse || text.trim() !== '')
}

function sameStyle(a, b) {
  return a.color === b.color && a.bold === b.bold && a.dim === b.dim && a.inverse === b.inverse
}
