// npm run pictures [-- name...]: makes the pictures of docs/images from programs that it runs, so that they show what is. It
// needs python3 and a compiled checkout.
import { spawn } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { architecture } from './pictures/architecture.js'
import { film } from './pictures/film.js'
import { record } from './pictures/record.js'
import { timeline } from './pictures/timeline.js'

const root = fileURLToPath(new URL('..', import.meta.url))
const command = (...words) => [process.execPath, join(root, 'dist/cli/main.js'), ...words]

/** The folder of this checkout means nothing to readers. */
const withoutRoot = (text) => text.replaceAll(root, '/app/')

const PICTURES = {
  async demo() {
    const frames = await record(command('demo'), { rows: 34, edit: withoutRoot })
    return film(frames, { title: 'tripline demo' })
  },
  async watch() {
    // Something to see: two CPUs are busy for some seconds.
    const busy = 'const end = Date.now() + 5000; while (Date.now() < end);'
    setTimeout(() => [1, 2].forEach(() => spawn(process.execPath, ['-e', busy], { stdio: 'ignore' })), 4000)
    const limits = ['--limit', 'cpu>90 for 1s', '--limit', 'memory>80']
    const metrics = ['load', 'memory.available', 'pressure.cpu', 'disk.free', 'disk.write', 'network.rx', 'process.rss']
    const frames = await record(command('watch', '--interval', '500ms', '--for', '13s', ...limits, ...metrics), {
      rows: 14,
    })
    // At its end, the terminal is given back, empty.
    const shown = frames.filter(({ lines }) => lines.filter((line) => line.length > 0).length > 5)
    return film(shown, { title: 'tripline watch' })
  },
  timeline,
  architecture,
}

const names = process.argv.slice(2)
mkdirSync(join(root, 'docs/images'), { recursive: true })
for (const [name, make] of Object.entries(PICTURES)) {
  if (names.length > 0 && !names.includes(name)) continue
  const picture = await make()
  writeFileSync(join(root, 'docs/images', `${name}.svg`), picture)
  console.log(`docs/images/${name}.svg: ${(picture.length / 1000).toFixed(0)} kB`)
}
