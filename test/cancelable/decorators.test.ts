/** `cancelable` as a decorator and as a wrapper, and `wrap` of async functions. */
import { describe, expect, test } from 'vitest'
import {
  Cancelable,
  CancelationToken,
  cancelable,
  type CancelableDecorator,
  type WrapOptions,
} from '../../src/index.js'
import { rejection, thrown } from './helpers.js'

class Store {
  readonly label = 'store'
  save(cancel: Cancelable | undefined, a: number, b: number): Promise<unknown> {
    return Promise.resolve([this.label, cancel!.context.name, a + b])
  }
  count(a: number): number {
    return a + this.label.length
  }
  static open(cancel?: Cancelable): string | undefined {
    return cancel?.context.name
  }
}

type AnyMethod = (...args: never[]) => unknown

/** What a compiler makes of a standard decorator. */
function standard(name: keyof Store, options?: WrapOptions): AnyMethod {
  const decorate = cancelable(options) as unknown as (method: AnyMethod, context: object) => AnyMethod
  return decorate(Store.prototype[name] as AnyMethod, { kind: 'method', name, static: false, private: false })
}

/** What a compiler makes of a legacy decorator. */
function legacy(target: object, name: string, options?: WrapOptions): AnyMethod {
  const decorate: CancelableDecorator = cancelable(options)
  const descriptor = Object.getOwnPropertyDescriptor(target, name) as TypedPropertyDescriptor<AnyMethod>
  const decorated = decorate(target, name, descriptor)
  expect(decorated).toMatchObject({ configurable: true, writable: true, enumerable: false })
  return decorated.value!
}

describe.each([
  ['standard', () => standard('save'), () => standard('count', { inject: false })],
  ['legacy', () => legacy(Store.prototype, 'save'), () => legacy(Store.prototype, 'count', { inject: false })],
])('a %s decorator', (_, save, count) => {
  test('runs the method in an operation named after class and method', async () => {
    class Shop extends Store {}
    const wrapped = save()
    expect(await wrapped.call(new Store(), ...([1, 2] as never[]))).toEqual(['store', 'Store.save', 3])
    expect(await wrapped.call(new Shop(), ...([1, 2] as never[]))).toEqual([
      'store',
      expect.stringMatching(/^(Shop|Store)\.save$/),
      3,
    ])
    expect(wrapped.name).toBe('save')
    expect(wrapped.length).toBe(2)
  })

  test('leaves the arguments alone if asked to', async () => {
    const wrapped = count()
    expect(await wrapped.call(new Store(), ...([1] as never[]))).toBe(6)
    expect(wrapped.length).toBe(1)
  })
})

test('a decorator of a static method is named after the class', async () => {
  expect(await legacy(Store, 'open').call(Store)).toBe('Store.open')
})

test('a receiver without a class, or one that cannot be read, names the operation after the method', async () => {
  const save = standard('save') as (this: unknown, ...args: unknown[]) => Promise<unknown[]>
  const unreadable = new Proxy(
    { label: 'l' },
    {
      get: (target, key) => {
        if (key === 'constructor') throw new Error('trap')
        return Reflect.get(target, key) as unknown
      },
    },
  )
  const odd = { label: 'l', constructor: { name: 'Odd' } }
  for (const receiver of [Object.assign(Object.create(null) as object, { label: 'l' }), unreadable, odd])
    expect(await save.call(receiver, 1, 2)).toEqual(['l', 'save', 3])
  expect(await save.call(5, 1, 2)).toEqual([undefined, 'save', 3])
})

test('every call has an operation of its own, with all sources armed', async () => {
  const token = new CancelationToken()
  const waits = cancelable({ token, timeout: '1h', inject: false }, () => new Promise(() => undefined))
  const runs = [waits(), waits()]
  token.cancel('stop')
  for (const run of runs) expect(await rejection(run)).toMatchObject({ reason: { message: 'stop' } })
  const hasty = cancelable({ timeout: 2 }, (cancel, name: string) => cancel.sleep('1h').then(() => name))
  expect(await rejection(hasty('x'))).toMatchObject({ name: 'TimeoutError' })
  const inherited = Object.create({ name: 'from above', timeout: 0 }) as WrapOptions
  expect(await rejection(cancelable(inherited, () => 1)())).toMatchObject({ context: { name: 'from above' } })
})

test('bad uses are refused at once', () => {
  const misplaced = cancelable({}) as unknown as (value: unknown, where: unknown, descriptor?: unknown) => unknown
  const bad: (() => unknown)[] = [
    () => cancelable({ inject: 1 as never }),
    () => cancelable({ timeout: -1 }),
    () => cancelable({ timout: 1 } as never),
    () => cancelable({}, undefined as never),
    () => misplaced(undefined, { kind: 'field', name: 'x' }),
    () => misplaced(Store, { kind: 'class', name: 'x' }),
    () => misplaced({}, 'x', { get: () => 1 }),
    () => misplaced({}, 'x'),
  ]
  for (const each of bad)
    expect(thrown(each)).toMatchObject({ code: expect.stringMatching(/^ERR_(INVALID_ARG|OUT_OF)/) })
})

test('wrap() of an async function rejects, of any other throws', async () => {
  const operation = new Cancelable().enter()
  const later = operation.wrap(async (value: number) => Promise.resolve(value))
  const now = operation.wrap((value: number) => value)
  expect(await later(1)).toBe(1)
  operation.cancel('stop')
  const promise = later(1)
  expect(await rejection(promise)).toBe(operation.signal.reason)
  expect(thrown(() => now(1))).toBe(operation.signal.reason)
  operation[Symbol.dispose]()
})
