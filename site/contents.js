// The sidebar of the site, from the tables of contents in Markdown.
import { readFileSync } from 'node:fs'
import { posix } from 'node:path'

const LINK = /\[([^\]]+)\]\(([^)#]+\.md)\)/g

/** The groups of docs/README.md, and those of the recipes and the API. */
export function contents(root) {
  const text = readFileSync(`${root}docs/README.md`, 'utf8')
  const groups = text
    .split(/^## /m)
    .slice(1)
    .map((section) => ({ text: section.split('\n')[0], items: linksOf(section, 'docs') }))
  return [...groups, groupOf(root, 'Recipes', 'docs/recipes'), groupOf(root, 'API', 'docs/api')]
}

function groupOf(root, text, folder) {
  const pages = linksOf(readFileSync(`${root}${folder}/README.md`, 'utf8'), folder)
  // A list names the pages of its own folder; others are mentioned in its text.
  const items = pages.filter(({ link }) => link.startsWith(`/${folder}/`))
  return {
    text,
    collapsed: true,
    items: items.filter((each, at) => items.findIndex(({ link }) => link === each.link) === at),
  }
}

function linksOf(text, folder) {
  return [...text.matchAll(LINK)].map(([, title, to]) => ({
    text: title[0].toUpperCase() + title.slice(1),
    link: `/${posix.join(folder, to)}`.replace(/README\.md$/, '').replace(/\.md$/, ''),
  }))
}
