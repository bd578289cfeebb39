/** The packages that integrations need, and what happens without them. */
import { execFileSync } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { PeerMissingError } from '../../src/index.js'
import { loadPeer } from '../../src/integrations/peer.js'
import { thrown } from '../cancelable/helpers.js'
import { ROOT } from '../helpers/child.js'

describe('a peer', () => {
  it('is loaded if it is installed', () => {
    expect(loadPeer('express', 'tripline/express')).toBeTypeOf('function')
  })

  it('that is missing is one error that names it', () => {
    const error = thrown(() => loadPeer('tripline-no-such-package', 'tripline/example'))
    expect(error).toBeInstanceOf(PeerMissingError)
    expect(error).toMatchObject({
      code: 'ERR_TRIPLINE_PEER_MISSING',
      peer: 'tripline-no-such-package',
      message:
        "'tripline/example' needs the package 'tripline-no-such-package', which is not installed: " +
        'npm install tripline-no-such-package',
    })
  })
})

describe('the packed package where no peer is installed', () => {
  let folder: string
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'tripline-peers-'))
    const installed = join(folder, 'node_modules/tripline')
    for (const each of ['package.json', 'dist', 'build/Release/tripline.node']) {
      cpSync(join(ROOT, each), join(installed, each), { recursive: true })
    }
    symlinkSync(join(ROOT, 'node_modules/node-gyp-build'), join(folder, 'node_modules/node-gyp-build'))
  })
  afterAll(() => rmSync(folder, { recursive: true }))

  const PEERS = {
    bullmq: ['bullmq', "protectWorker('queue', () => 1, { connection: {} })"],
    prometheus: ['prom-client', 'prometheusMetrics({ metrics: [] }).register({})'],
    opentelemetry: ['@opentelemetry/api', "openTelemetryMetrics({ metrics: ['memory'] })"],
    // These two work on what they are given.
    express: [undefined, 'protectExpress({}).middleware()'],
    fastify: [undefined, 'protectFastify.name'],
    http: [undefined, 'protect({}).close()'],
  } as const

  it.each(Object.entries(PEERS))('tripline/%s loads, and needs %j', (name, [peer, call]) => {
    const code = `import * as tripline from 'tripline/${name}'
try { tripline.${call}; console.log('{}') } catch ({ code, peer }) { console.log(JSON.stringify({ code, peer })) }
process.exit()`
    const output = execFileSync(process.execPath, ['--input-type=module', '-e', code], {
      cwd: folder,
      encoding: 'utf8',
    })
    expect(JSON.parse(output)).toEqual(peer === undefined ? {} : { code: 'ERR_TRIPLINE_PEER_MISSING', peer })
  })

  it('has no other integration', () => {
    const { exports } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { exports: object }
    const own = new Set(['.', './registry', './testing', './context', './package.json', './dashboard'])
    const names = Object.keys(exports).filter((each) => !own.has(each))
    expect(names.toSorted()).toEqual(
      Object.keys(PEERS)
        .map((each) => `./${each}`)
        .toSorted(),
    )
  })
})
