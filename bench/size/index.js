// The size of the release binaries. It takes a second, so that it can follow every build of them.
import { readFileSync } from 'node:fs'
import { gzipSync } from 'node:zlib'
import { maxBytes, maxPackedBytes, targets } from '../../scripts/prebuild/targets.js'
import { row } from '../lib/suite.js'

export const title = 'the size of the release binaries'

const PREBUILDS = new URL('../../prebuilds/', import.meta.url)

export function run(add) {
  let largest = { size: 0 }
  let packed = 0
  for (const target of targets) {
    const bytes = readFileSync(new URL(target.file, PREBUILDS))
    if (bytes.length > largest.size) largest = { ...target, size: bytes.length }
    packed += gzipSync(bytes, { level: 9 }).length
  }
  const { name, size } = largest
  add(row('the largest release binary', size / 1024, 'KiB', { atMost: maxBytes / 1024, note: name }))
  const options = { atMost: maxPackedBytes / 1024, note: `${targets.length} of them` }
  add(row('all release binaries, packed', packed / 1024, 'KiB', options))
}
