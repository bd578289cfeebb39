/** Code and documentation contain no phrase from the list of banned phrases. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { filesOfCheckout } from '../helpers/checkout.js'
import { ROOT } from '../helpers/child.js'

const list = readFileSync(new URL('banned-phrases.txt', import.meta.url), 'utf8')
const banned = list
  .split('\n')
  .filter((line) => line !== '' && !line.startsWith('#'))
  .map((line) => new RegExp(line, 'i'))

const TEXT = /\.(ts|js|mjs|cjs|md|cc|h|c|def|gyp|gypi|py|sh|yml)$|^\.ci\/run$/
// This file quotes a banned phrase; measured results and kernel files are data; licenses have their own words.
const LEFT_OUT =
  /^(test\/docs\/language\.test\.ts$|THIRD-PARTY-LICENSES\.md$|bench\/results|test\/fixtures|test\/fuzz\/corpus|docs\/performance\.md$)/

/** The text files of the checkout. */
function textFiles(): string[] {
  return filesOfCheckout().filter((file) => TEXT.test(file) && !LEFT_OUT.test(file))
}

function findings(text: string): string[] {
  return text.split('\n').flatMap((line, index) => {
    const found = banned.find((each) => each.test(line))
    return found === undefined ? [] : [`${index + 1}: ${line.trim()} (${found.source})`]
  })
}

describe('the wording', () => {
  test('with a banned phrase is found', () => {
    expect(findings('// Nobody reads it.\n// Read once per tick.')).toEqual(['1: // Nobody reads it. (\\bnobody\\b)'])
  })

  test('of code and docs has no banned phrase', () => {
    const files = textFiles()
    expect(files.length).toBeGreaterThan(300)
    expect(
      files.flatMap((file) => findings(readFileSync(join(ROOT, file), 'utf8')).map((each) => `${file}:${each}`)),
    ).toEqual([])
  })
})
