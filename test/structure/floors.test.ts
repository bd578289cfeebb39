/** Which file may import which: src/ is layered in floors and native/ in rooms, each above those that it uses. */
import { readFileSync, readdirSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'

const root = fileURLToPath(new URL('../..', import.meta.url))

/** The floors that each floor of src/ may import beside itself, listed from the lowest up. */
const FLOORS: Readonly<Record<string, readonly string[]>> = {
  base: [],
  addon: ['base'],
  engine: ['base'],
  evidence: ['base', 'addon'],
  monitor: ['base', 'addon', 'engine', 'evidence'],
  watchdog: ['base', 'addon', 'engine', 'monitor'],
  sources: ['base', 'addon', 'engine', 'monitor'],
  cancelable: ['base', 'addon', 'engine', 'monitor', 'sources'],
  admit: ['base', 'addon', 'engine', 'monitor', 'sources', 'cancelable'],
  limiter: ['base', 'addon', 'engine', 'monitor', 'sources', 'cancelable'],
  run: ['base', 'addon', 'engine', 'monitor', 'sources', 'cancelable', 'admit', 'record'],
  schedule: ['base', 'addon', 'engine', 'monitor', 'sources', 'cancelable'],
  workers: ['base', 'addon', 'engine', 'monitor', 'sources', 'cancelable'],
  registry: ['base', 'addon', 'engine', 'monitor', 'sources', 'cancelable'],
  testing: ['base', 'addon', 'engine', 'monitor', 'sources', 'cancelable'],
  context: ['base', 'addon', 'engine', 'monitor', 'sources', 'cancelable'],
  record: ['base', 'addon', 'engine', 'monitor', 'sources', 'cancelable'],
  integrations: [
    'base',
    'addon',
    'engine',
    'evidence',
    'monitor',
    'sources',
    'cancelable',
    'admit',
    'limiter',
    'run',
    'schedule',
    'workers',
    'registry',
    'context',
    'record',
  ],
  cli: [
    'base',
    'addon',
    'engine',
    'monitor',
    'sources',
    'cancelable',
    'admit',
    'run',
    'schedule',
    'record',
    'watchdog',
    'integrations',
  ],
}

/** The same for native/. A header without a folder is one that the build chooses or writes. */
const ROOMS: Readonly<Record<string, readonly string[]>> = {
  util: [],
  port: ['util'],
  sampler: ['util', 'port'],
  node: ['util', 'port', 'sampler'],
  posix: ['util', 'port'],
  linux: ['util', 'port', 'posix'],
  darwin: ['util', 'port', 'posix'],
  windows: ['util', 'port'],
  // Linked in place of the C++ runtime library, and not part of any other build.
  runtime: [''],
}

const IMPORT = /(?:\bfrom|\bimport\(?)\s*'(\.[^']*)'/g
const INCLUDE = /^#include "([^"]+)"/gm

/** The names that `pattern` finds in a file. */
function referencesOf(file: string, pattern: RegExp): string[] {
  return [...readFileSync(join(root, file), 'utf8').matchAll(pattern)].map((match) => match[1]!)
}

function filesBelow(folder: string, ending: RegExp): string[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((each) => ending.test(each) && !each.startsWith('build/'))
    .map((each) => join(folder, each))
}

/** The folder directly below `top` that contains `file`; empty for a file in `top` itself. */
function floorOf(file: string, top: string): string {
  const parts = relative(top, file).split('/')
  return parts.length > 1 ? parts[0]! : ''
}

describe('src/', () => {
  const files = filesBelow('src', /\.ts$/)

  it('has the floors that are listed here, and one file above them', () => {
    const floors = new Set(files.map((file) => floorOf(file, 'src')))
    expect([...floors].toSorted()).toEqual(['', ...Object.keys(FLOORS)].toSorted())
    expect(files.filter((file) => floorOf(file, 'src') === '')).toEqual(['src/index.ts'])
  })

  it('imports only from the same floor or one below', () => {
    const upwards: string[] = []
    for (const file of files) {
      if (file === 'src/index.ts') continue
      const floor = floorOf(file, 'src')
      for (const specifier of referencesOf(file, IMPORT)) {
        const target = join(dirname(file), specifier)
        const below = floorOf(target, 'src')
        if (below !== floor && !FLOORS[floor]!.includes(below)) upwards.push(`${file} -> ${target}`)
      }
    }
    expect(upwards).toEqual([])
  })

  it("uses the keys of an operation's record only on its own floor", () => {
    const outside = files.filter((file) => floorOf(file, 'src') !== 'cancelable')
    const reached = outside.filter((file) =>
      referencesOf(file, IMPORT).some((specifier) => join(dirname(file), specifier) === 'src/cancelable/operation.js'),
    )
    expect(reached).toEqual([])
  })

  it('has more imports than files, so that this test is known to find them', () => {
    const found = files.flatMap((file) => referencesOf(file, IMPORT))
    expect(found.length).toBeGreaterThan(files.length)
  })
})

describe('native/', () => {
  const files = filesBelow('native', /\.(?:cc|c|h|def)$/)

  it('has the rooms that are listed here', () => {
    expect([...new Set(files.map((file) => floorOf(file, 'native')))].toSorted()).toEqual(Object.keys(ROOMS).toSorted())
  })

  it('includes by path from native/, and only from the same room or one below', () => {
    const upwards: string[] = []
    let seen = 0
    for (const file of files) {
      const room = floorOf(file, 'native')
      for (const name of referencesOf(file, INCLUDE)) {
        seen++
        const below = name.includes('/') ? name.split('/')[0]! : ''
        if (below !== room && !ROOMS[room]!.includes(below)) upwards.push(`${file} -> ${name}`)
      }
    }
    expect(upwards).toEqual([])
    expect(seen).toBeGreaterThan(files.length)
  })
})
