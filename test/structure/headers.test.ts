/** Every file of code begins with a sentence that says what it is for. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { filesOfCheckout } from '../helpers/checkout.js'
import { ROOT } from '../helpers/child.js'

const CODE = /\.(?:[cm]?[jt]s|cc|c|h|py|sh)$/
// A test is of several files, or of more than its header says.
const TEST = /^test\/.*_test\.cc$/
// Declarations belong to the file beside them, and the README shows its programs whole.
const LEFT_OUT = /\.d\.c?ts$|^examples\/readme\/|^test\/fixtures\/|^test\/fuzz\/corpus\//

const isCode = (file: string): boolean => CODE.test(file) && !LEFT_OUT.test(file) && existsSync(join(ROOT, file))

const textOf = (file: string): string => readFileSync(join(ROOT, file), 'utf8')

function beginsWithSentence(file: string): boolean {
  const text = textOf(file).replace(/^#!.*\n/, '')
  return /^(?:\/\/ |\/\*\*? ?\n? ?\*? ?\S|# |""")/.test(text)
}

/** The header that a source file includes first, which then has the sentence for both. */
function headerOf(file: string): string | undefined {
  const [, name] = /^#include "([^"]+)"/m.exec(textOf(file)) ?? []
  return ['native', 'test/native'].map((folder) => `${folder}/${name}`).find((each) => existsSync(join(ROOT, each)))
}

it('every file begins with a sentence, or includes the header that has it', () => {
  const files = filesOfCheckout().filter(isCode)
  expect(files.length).toBeGreaterThan(1000)
  const without = files.filter((file) => {
    if (beginsWithSentence(file)) return false
    const header = file.endsWith('.cc') && !TEST.test(file) ? headerOf(file) : undefined
    return header === undefined || !beginsWithSentence(header)
  })
  expect(without).toEqual([])
})
