// npm run docs: builds the site of the manual into .cache/site. With --serve, it serves the site while the pages are edited.
import { cpSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const site = join(root, 'site')
const out = join(root, '.cache/site')

// Links to files of these kinds are no pages. VitePress reads the list when it is loaded.
process.env.VITE_EXTRA_EXTENSIONS = 'acl,def,service,sh'
const { build, createServer } = await import('vitepress')

if (process.argv.includes('--serve')) {
  const server = await createServer(site)
  await server.listen()
  server.printUrls()
} else {
  await build(site)
  // Pages link to programs and to files beside them.
  cpSync(join(root, 'examples'), join(out, 'examples'), { recursive: true })
  for (const file of ['docs/recipes', 'native/port/metrics.def']) {
    cpSync(join(root, file), join(out, file), { recursive: true, filter: (from) => !from.endsWith('.md') })
  }
  console.log(`the site is in ${pathToFileURL(out).href}; serve it with npx vitepress preview site`)
}
