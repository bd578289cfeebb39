// Writes docs/api from the published types and the hand-written pages in scripts/api/pages. There, `{{Guard guard}}` on
// a line of its own becomes the sections of these exports, `{{*tripline/testing}}` those of all exports of an entry
// point, and `{{index}}` the list of pages. `--check` writes nothing and fails if a page would change.
import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

import { entryPoints, readDeclarations } from './api/declarations.js'
import { headingOf, renderDeclaration, slugOf } from './api/render.js'

const root = fileURLToPath(new URL('..', import.meta.url))
const SOURCES = join(root, 'scripts/api/pages')
const OUTPUT = join(root, 'docs/api')
const INDEX = 'README.md'

const PLACEHOLDER = /^\{\{(.+)\}\}$/gm
const NOTE =
  '<!-- Written by scripts/generate-api.js: change src/ or scripts/api/pages/, then run `npm run docs:api`. -->'

/** The hand-written pages, in the order of the index, without those of entry points that do not exist. */
function readSources(entries) {
  const index = readFileSync(join(SOURCES, INDEX), 'utf8')
  const order = [...index.matchAll(/^- ([\w-]+\.md)$/gm)].map(([, file]) => file)
  const unlisted = readdirSync(SOURCES).filter((file) => file !== INDEX && !order.includes(file))
  if (unlisted.length > 0) throw new Error(`scripts/api/pages/README.md does not list ${unlisted.join(', ')}`)
  const pages = order.map((file) => ({ file, text: readFileSync(join(SOURCES, file), 'utf8') }))
  return { index, pages: pages.filter(({ text }) => entriesOf(text).every((entry) => entry in entries)) }
}

/** The entry points whose exports are all on one page. */
function entriesOf(text) {
  return [...text.matchAll(/^\{\{\*(.+)\}\}$/gm)].map(([, entry]) => entry)
}

/** The names that a placeholder stands for. A re-export of an entry point is on the page of the original. */
function namesOf(placeholder, exported) {
  if (!placeholder.startsWith('*')) return placeholder.split(/\s+/)
  const [[, first]] = Object.entries(exported)
  return exported[placeholder.slice(1)].filter((name) => !first.includes(name))
}

/** The text of every page, by file name. */
export function generate(entries = entryPoints(root)) {
  const { declarations, exported } = readDeclarations(entries)
  const { index, pages } = readSources(entries)
  const homes = new Map()
  for (const page of pages) {
    page.names = [...page.text.matchAll(PLACEHOLDER)].flatMap(([, each]) => namesOf(each, exported))
    for (const name of page.names) {
      if (homes.has(name)) throw new Error(`${name} is on two pages: ${homes.get(name)} and ${page.file}`)
      homes.set(name, page.file)
    }
  }
  const all = new Set(Object.values(exported).flat())
  const missing = [...all].filter((name) => !homes.has(name))
  const unknown = [...homes.keys()].filter((name) => !all.has(name))
  if (missing.length > 0)
    throw new Error(`exported, but on no page: ${missing.join(', ')}. Name them in scripts/api/pages/*.md`)
  if (unknown.length > 0) throw new Error(`on a page of scripts/api/pages, but not exported: ${unknown.join(', ')}`)
  const render = (page) => renderPage(page, { declarations, exported, all, homes })
  const output = pages.map((page) => [page.file, render(page)])
  return new Map([[INDEX, renderIndex(index, pages, declarations)], ...output])
}

function renderPage({ file, text }, { declarations, exported, all, homes }) {
  const links = new Map()
  for (const [name, home] of homes) {
    links.set(name, `${home === file ? '' : home}#${slugOf(headingOf(declarations.get(name)))}`)
  }
  const body = text.replaceAll(PLACEHOLDER, (_, placeholder, at) => {
    const above = [...text.slice(0, at).matchAll(/^#+(?= )/gm)].at(-1)[0].length
    const sections = namesOf(placeholder, exported).map((name) => {
      return renderDeclaration(declarations.get(name), { declarations, exported: all, links }, above + 1)
    })
    return sections.join('\n\n')
  })
  return `${NOTE}\n\n${body}`
}

function renderIndex(text, pages, declarations) {
  const rows = pages.map(({ file, text: page, names }) => {
    const [, title] = /^# (.+)$/m.exec(page)
    const links = names.map((name) => {
      const declaration = declarations.get(name)
      const label = declaration.kind === 'function' ? `${name}()` : name
      return `[\`${label}\`](${file}#${slugOf(headingOf(declaration))})`
    })
    return `| [${title}](${file}) | ${links.join(', ')} |`
  })
  const table = ['| page | exports |', '|---|---|', ...rows].join('\n')
  return `${NOTE}\n\n${text.replace(/(?:^- [\w-]+\.md\n)+/m, `${table}\n`)}`
}

/** The files in docs/api that differ from these pages: changed, missing or left over. */
export function differences(pages) {
  mkdirSync(OUTPUT, { recursive: true })
  const present = readdirSync(OUTPUT)
  const changed = [...pages].filter(([file, text]) => {
    return !present.includes(file) || readFileSync(join(OUTPUT, file), 'utf8') !== text
  })
  return [...changed.map(([file]) => file), ...present.filter((file) => !pages.has(file))]
}

function main(check) {
  const pages = generate()
  const different = differences(pages)
  for (const file of different) {
    console.error(`docs/api/${file}: ${check ? 'out of date; run `npm run docs:api`' : 'written'}`)
    if (check) process.exitCode = 1
    else if (pages.has(file)) writeFileSync(join(OUTPUT, file), pages.get(file))
    else rmSync(join(OUTPUT, file))
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) main(process.argv.includes('--check'))
