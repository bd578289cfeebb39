/** docs/web.md and docs/coming-from-under-pressure.md name what the code has. */
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { protect, statusOf } from '../../src/integrations/http/index.js'
import { parseUnderPressure } from '../../src/integrations/fastify/under-pressure-options.js'
import { Cancelable, customReason, type CancelableOptions, type CancelationError } from '../../src/index.js'
import { thrown } from '../cancelable/helpers.js'

const page = (name: string): string =>
  readFileSync(fileURLToPath(new URL(`../../docs/${name}.md`, import.meta.url)), 'utf8')

/** The options that the error for an unknown one lists. */
function known(call: () => unknown): string[] {
  const { message } = thrown(call) as Error
  return /Known are: ([\w, ]+)/.exec(message)![1]!.split(', ')
}

/** The status for the reason of an operation that is canceled at its start. */
function canceled(options: CancelableOptions): number {
  using operation = new Cancelable(options)
  const error = thrown(() => operation.enter()) as CancelationError
  return statusOf(error.reason)
}

describe('the pages', () => {
  it('name every option of a protection', () => {
    const text = page('web')
    const options = known(() => protect({ quiteAnotherThing: 1 } as never))
    expect(options.length).toBeGreaterThan(5)
    expect(options.filter((each) => !text.includes(each))).toEqual([])
  })

  it('name every option of under-pressure', () => {
    const text = page('coming-from-under-pressure')
    const own = new Set(['prefix', 'logLevel', 'logSerializers', 'dryRun', 'onRefused'])
    const options = known(() => parseUnderPressure({ quiteAnotherThing: 1 } as never)).filter((each) => !own.has(each))
    expect(options.length).toBeGreaterThan(12)
    expect(options.filter((each) => !text.includes(`\`${each}\``))).toEqual([])
  })

  it('say which status belongs to which reason', () => {
    expect(canceled({ timeout: 0 })).toBe(504)
    expect(canceled({ condition: () => true })).toBe(503)
    expect(canceled({ resources: { conditions: { never: () => false } } })).toBe(503)
    expect(canceled({ signal: AbortSignal.abort() })).toBe(503)
    expect(canceled({ signal: AbortSignal.abort(new DOMException('late', 'TimeoutError')) })).toBe(504)
    expect(statusOf(customReason('full', { queue: 'mail' }))).toBe(503)
    expect(statusOf(customReason('full', undefined))).toBe(503)
    const failing = new Cancelable()
    failing.cancel(new Error('mine'))
    expect(statusOf(failing.reason!)).toBe(500)
  })
})
