/** The map in CONTRIBUTING.md names every folder, and only files and folders that exist. */
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { ROOT } from '../helpers/child.js'

const text = readFileSync(join(ROOT, 'CONTRIBUTING.md'), 'utf8')
const map = text.slice(text.indexOf('## Where things live'), text.indexOf('## How to add a metric'))

/** The floors, rooms and folders directly below these. */
const TOPS = ['src', 'native', 'scripts', 'test']

/** A folder of test/ that has the name of one of src/ needs no row. */
const mirrored = (folder: string): boolean =>
  folder.startsWith('test/') && existsSync(join(ROOT, folder.replace(/^test\//, 'src/')))

it('names every folder', () => {
  const folders = TOPS.flatMap((top) =>
    readdirSync(join(ROOT, top), { withFileTypes: true })
      .filter((each) => each.isDirectory() && each.name !== 'build')
      .map(({ name }) => `${top}/${name}/`),
  )
  expect(folders.length).toBeGreaterThan(40)
  const missing = folders.filter((folder) => !map.includes(folder) && !mirrored(folder))
  expect(missing).toEqual([])
})

it('names no path that does not exist', () => {
  const paths = [
    ...map.matchAll(/(?<![\w/])(?:src|native|scripts|test|bench|docs|contrib)\/[\w./-]*\w(?:\/|\b)(?!-?\*)/g),
  ].map(([path]) => path)
  expect(paths.length).toBeGreaterThan(50)
  expect(paths.filter((path) => !existsSync(join(ROOT, path)))).toEqual([])
})
