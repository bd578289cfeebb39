/** The lock on a file that ends with its holder. */
import { closeSync, mkdtempSync, openSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { loadAddon } from '../../src/addon/native.js'

it('excludes other openings until the descriptor is closed, and shared locks only exclude exclusive ones', () => {
  const file = join(mkdtempSync(join(tmpdir(), 'tripline-lock-')), 'lock')
  const addon = loadAddon()
  const [first, second, third] = [openSync(file, 'w', 0o600), openSync(file, 'r'), openSync(file, 'r')]
  expect(addon.lockFile(first, false)).toBe(true)
  expect(addon.lockFile(second, true)).toBe(false)
  closeSync(first)
  expect(addon.lockFile(second, true)).toBe(true)
  expect(addon.lockFile(third, true)).toBe(true)
  expect(addon.lockFile(third, false)).toBe(false)
  closeSync(second)
  closeSync(third)
  expect(addon.lockFile(first, false)).toBe(false)
})
