// The site of the manual: the Markdown of this repository as it is, with a search. `npm run docs` builds it.
import { readFileSync } from 'node:fs'
import { posix } from 'node:path'
import { fileURLToPath } from 'node:url'
import { slugOf } from '../../scripts/api/render.js'
import { contents } from '../contents.js'

const root = fileURLToPath(new URL('../..', import.meta.url))
const { version, description, repository } = JSON.parse(readFileSync(`${root}package.json`, 'utf8'))
const source = repository.url.replace(/^git\+/, '').replace(/\.git$/, '')

/** Comments are for readers of the source. */
const withoutComments = {
  name: 'without-comments',
  enforce: 'pre',
  transform: (code, id) => (id.endsWith('.md') ? code.replaceAll(/<!--[^]*?-->\n?/g, '') : undefined),
}

/** A folder's README is the index of that folder; tests and sources are in the repository only. */
function adaptLink(token, page) {
  for (const each of token.children ?? []) adaptLink(each, page)
  const to = token.type === 'link_open' ? token.attrGet('href') : null
  if (to === null || /^[a-z]+:/.test(to)) return
  const path = posix.join(posix.dirname(page), to)
  if (/^(?:test|src)\//.test(path)) token.attrSet('href', `${source}/blob/HEAD/${path}`)
  else token.attrSet('href', withoutReadme(to))
}

const withoutReadme = (to) => to.replace(/(^|\/)README\.md(?=#|$)/, (_, slash) => slash || './')

/** Two braces have no meaning, and indented code looks like other code. */
function asOnGitHub(md) {
  const { rules } = md.renderer
  md.core.ruler.push('links', ({ tokens, env }) => tokens.forEach((each) => adaptLink(each, env.relativePath)))
  for (const name of ['text', 'code_inline']) {
    const render = rules[name]
    rules[name] = (...args) => render(...args).replaceAll('{{', '&#123;&#123;')
  }
  rules.code_block = (tokens, index, ...rest) => {
    tokens[index].info = 'sh'
    return rules.fence(tokens, index, ...rest)
  }
}

export default {
  title: 'tripline',
  description,
  lang: 'en',
  head: [
    ['link', { rel: 'icon', href: 'data:,' }],
    // On a phone, tables of three columns fit: long names break.
    [
      'style',
      {},
      '@media (max-width: 640px) { .vp-doc td, .vp-doc th { padding: 6px; font-size: 13px; overflow-wrap: anywhere } .vp-doc td:first-child { min-width: 96px } .vp-doc td code { font-size: 12px } }',
    ],
  ],
  srcDir: root,
  outDir: `${root}.cache/site`,
  cacheDir: `${root}.cache/vitepress`,
  srcExclude: ['**/node_modules/**', '.cache/**', 'build/**', 'native/**', 'prebuilds/**', 'test/**', 'scripts/**'],
  rewrites: { 'README.md': 'index.md', ':folder(.*)/README.md': ':folder/index.md' },
  // Links of GitHub's kind, which the tests check.
  markdown: { anchor: { slugify: slugOf }, html: false, config: asOnGitHub },
  // The tests check links, also those to files that are no pages.
  ignoreDeadLinks: true,
  cleanUrls: false,
  lastUpdated: false,
  vite: { plugins: [withoutComments] },
  themeConfig: {
    search: { provider: 'local' },
    outline: [2, 3],
    nav: [
      { text: 'Start', link: '/docs/start' },
      { text: 'Manual', link: '/docs/' },
      { text: 'Recipes', link: '/docs/recipes/' },
      { text: 'API', link: '/docs/api/' },
      { text: version, link: '/CHANGELOG' },
    ],
    sidebar: contents(root),
    footer: { message: 'MIT' },
  },
}
