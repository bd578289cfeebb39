/** File tracers, which decide what of a package goes into a container, find the files of the page. */
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { nodeFileTrace } from '@vercel/nft'
import { expect, it } from 'vitest'
import { ROOT } from '../helpers/child.js'

it('the files of the page are traced with its code', async () => {
  const { fileList } = await nodeFileTrace([join(ROOT, 'dist/dashboard.cjs')], { base: ROOT })
  const files = readdirSync(join(ROOT, 'dist/dashboard')).map((file) => `dist/dashboard/${file}`)
  expect(files.length).toBeGreaterThan(5)
  expect([...fileList]).toEqual(expect.arrayContaining(files))
})
