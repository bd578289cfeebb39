// The lists beside this file: errors that must always be noticed, and survivors that are argued to change nothing.
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { root } from '../lib/cxx.js'

const texts = new Map()

/** The text of a file of the checkout, as it was when it was first read: the tree may change during a run. */
export function read(file) {
  if (!texts.has(file)) texts.set(file, readFileSync(path.join(root, file), 'utf8'))
  return texts.get(file)
}

const readJson = (name) => JSON.parse(readFileSync(new URL(name, import.meta.url), 'utf8'))

export const lineOf = (text, at) => text.slice(0, at).split('\n').length

/** Lines as they are compared: without indentation. */
export const tidy = (lines) => lines.trim().replaceAll(/\s+/g, ' ')

/** The errors of known.json as mutants. @throws Error if one no longer fits, or fits twice */
export function knownMutants() {
  return readJson('known.json').map(({ name, file, from, to }) => {
    const [before, ...rest] = read(file).split(from)
    if (rest.length !== 1) throw new Error(`known.json: '${name}' is not, or not once, in ${file}`)
    return { file, operator: name, start: before.length, end: before.length + from.length, replacement: to }
  })
}

/** The survivors of equivalent.json. @throws Error if a line is no longer there */
export function equivalents() {
  const list = readJson('equivalent.json')
  for (const { file, before, after, why } of list) {
    if (!tidy(read(file)).includes(before)) throw new Error(`equivalent.json: ${file} no longer has '${before}'`)
    if (after.length === 0 || why.length < 20)
      throw new Error(`equivalent.json: '${before}' has no mutant or no reason`)
  }
  return list
}

/** The lines that a mutant changes, before and after. */
export function changeOf({ file, start, end, replacement }) {
  const text = read(file)
  const first = text.lastIndexOf('\n', start - 1) + 1
  const stop = text.indexOf('\n', end)
  const before = text.slice(first, stop)
  const after = text.slice(first, start) + replacement + text.slice(end, stop)
  return { line: lineOf(text, start), before, after }
}

/** Whether a mutant is one of these survivors. */
export function isEquivalent(list, mutant) {
  const { before, after } = changeOf(mutant)
  return list.some(
    (each) => each.file === mutant.file && each.before === tidy(before) && each.after.includes(tidy(after)),
  )
}
