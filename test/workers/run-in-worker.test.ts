/** `runInWorker`: a job in a thread of its own. */
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { runInThisContext } from 'node:vm'
import { describe, expect, test } from 'vitest'
import { Cancelable, CancelationToken, runInWorker, WorkerExitedError, type Progress } from '../../src/index.js'
import { rejection, thrown } from '../cancelable/helpers.js'

const FILE = new URL('job.mjs', import.meta.url)

/** A module with this text. */
function moduleOf(text: string, name = 'job.mjs'): string {
  const file = join(mkdtempSync(join(tmpdir(), 'tripline-job-')), name)
  writeFileSync(file, text)
  return file
}

function* generate(): Generator<number> {
  yield 1
}

/** An operation that is canceled when one of its children reports progress. */
function canceledByProgress(): Cancelable {
  const parent = new Cancelable().enter()
  return parent.onProgress(() => parent.cancel('enough'))
}

describe('the result', () => {
  test('row 108: of a function, with data', async () => {
    const sum = await runInWorker(
      (_, numbers) => {
        let total = 0
        for (const each of numbers) total += each
        return { total }
      },
      { data: [1, 2, 3] },
    )
    expect(sum).toEqual({ total: 6 })
  })

  test('of a file: by URL, by its text, by path, absolute and relative; progress and partial result come first', async () => {
    const path = fileURLToPath(FILE)
    const relative = path.slice(process.cwd().length + 1)
    for (const job of [FILE, FILE.href, path, relative, `./${relative}`]) {
      expect(await runInWorker(job, { name: 'x', data: { rows: 2 } })).toBe('2 rows of x')
    }
    const seen: Progress[] = []
    const parent = new Cancelable().enter().onProgress((progress) => seen.push(progress))
    await runInWorker(FILE, { parent, data: { rows: 3 } })
    expect(seen.map(({ message }) => message)).toEqual(['1 of 3', '2 of 3', '3 of 3'])
  })

  test('of a CommonJS module, also one that a compiler has made', async () => {
    expect(await runInWorker(moduleOf('module.exports = () => 1', 'job.cjs'))).toBe(1)
    expect(await runInWorker(moduleOf('exports.__esModule = true; exports.default = () => 2', 'job.cjs'))).toBe(2)
  })

  test('data and results are moved where that is possible', async () => {
    const data = new Uint8Array([1, 2, 3])
    const result = await runInWorker((_, bytes) => bytes.map((each) => each * 2), { data, transfer: [data.buffer] })
    expect(data.length).toBe(0)
    expect(result).toEqual(new Uint8Array([2, 4, 6]))
    const unmovable = await runInWorker(() => {
      const { WebAssembly: wasm } = globalThis as unknown as {
        WebAssembly: { Memory: new (size: { initial: number }) => { buffer: ArrayBuffer } }
      }
      return new Uint8Array(new wasm.Memory({ initial: 1 }).buffer, 0, 1)
    })
    expect(unmovable).toEqual(new Uint8Array(1))
  })

  test('a method and an async function can be sent, and import modules', async () => {
    // As text, because vitest rewrites every `import()`.
    const { method } = runInThisContext(
      "({ async method() { const { basename } = await import('node:path'); return basename('/a/b') } })",
    ) as { method: () => Promise<string> }
    expect(await runInWorker(method)).toBe('b')
  })
})

describe('errors', () => {
  test('keep class, name, code and message', async () => {
    const error = await rejection(
      runInWorker(() => {
        throw Object.assign(new RangeError('too far'), { name: 'FarError', code: 'E_FAR' })
      }),
    )
    expect(error).toMatchObject({ name: 'FarError', code: 'E_FAR', message: 'too far' })
    expect(error).toBeInstanceOf(Error)
    expect(
      await rejection(
        runInWorker(() => {
          throw Object.assign(new Error('with a function'), { cause: () => 1 })
        }),
      ),
    ).toMatchObject({ message: 'with a function' })
    expect(await rejection(runInWorker(() => Promise.reject('text')))).toBe('text') // oxlint-disable-line prefer-promise-reject-errors -- any value can be thrown
  })

  test('variables from outside: the error says why they are missing', async () => {
    const outside = 1
    expect(await rejection(runInWorker(() => outside))).toMatchObject({
      name: 'ReferenceError',
      message: expect.stringContaining('cannot use variables from outside itself'),
    })
  })

  test('a result that cannot be cloned', async () => {
    expect(await rejection(runInWorker(() => () => 1))).toMatchObject({
      name: 'DataCloneError',
      message: expect.stringContaining('could not be cloned'),
    })
  })

  test('a thread that ends without a result, or fails beside its job', async () => {
    const error = await rejection(runInWorker(() => process.exit(3)))
    expect(error).toBeInstanceOf(WorkerExitedError)
    expect(error).toMatchObject({ code: 'ERR_TRIPLINE_WORKER_EXITED', exitCode: 3 })
    const stray = runInWorker(async (cancel) => {
      setTimeout(() => {
        throw new Error('stray')
      }, 1)
      await cancel.sleep('1h')
    })
    expect(await rejection(stray)).toMatchObject({ message: 'stray' })
    const { code } = (await rejection(
      runInWorker(
        () => {
          const all: unknown[] = []
          for (;;) all.push([all.length])
        },
        { resourceLimits: { maxOldGenerationSizeMb: 8 } },
      ),
    )) as NodeJS.ErrnoException
    expect(code).toBe('ERR_WORKER_OUT_OF_MEMORY')
  })

  test('a file that is missing, or exports no function', async () => {
    expect(await rejection(runInWorker('./does-not-exist.mjs'))).toMatchObject({ code: 'ERR_MODULE_NOT_FOUND' })
    expect(await rejection(runInWorker(moduleOf('export const other = 1')))).toMatchObject({
      code: 'ERR_INVALID_ARG_TYPE',
    })
  })

  test('bad input throws at the call', () => {
    const bad: [unknown, string][] = [
      [Math.max, 'ERR_INVALID_ARG_VALUE'],
      [moduleOf.bind(null), 'ERR_INVALID_ARG_VALUE'],
      [CancelationToken, 'ERR_INVALID_ARG_VALUE'],
      [generate, 'ERR_INVALID_ARG_VALUE'],
      [1, 'ERR_INVALID_ARG_TYPE'],
      [undefined, 'ERR_INVALID_ARG_TYPE'],
      ['', 'ERR_INVALID_ARG_VALUE'],
      [new URL('https://example.org/job.js'), 'ERR_INVALID_ARG_VALUE'],
    ]
    for (const [job, code] of bad) expect(thrown(() => runInWorker(job as never))).toMatchObject({ code })
    const options: [unknown, string][] = [
      [{ timeuot: 1 }, 'ERR_INVALID_ARG_VALUE'],
      [{ grace: -1 }, 'ERR_OUT_OF_RANGE'],
      [{ transfer: 1 }, 'ERR_INVALID_ARG_TYPE'],
      [{ worker: 1 }, 'ERR_INVALID_ARG_TYPE'],
      [{ worker: { eval: true } }, 'ERR_INVALID_ARG_VALUE'],
      [null, 'ERR_INVALID_ARG_TYPE'],
    ]
    for (const [each, code] of options) {
      expect(thrown(() => runInWorker(() => 1, each as never))).toMatchObject({ code })
    }
  })

  test('data that cannot be cloned', async () => {
    expect(await rejection(runInWorker(() => 1, { data: () => 1 }))).toMatchObject({
      code: 'ERR_INVALID_ARG_VALUE',
      message: expect.stringMatching(/could not be cloned.*Received function data$/),
    })
  })
})

describe('cancelation', () => {
  test('is seen in a loop that never yields; the thread ends, and the reason is that of the operation', async () => {
    const error = await rejection(
      runInWorker(
        (cancel) => {
          for (;;) cancel.throwIfCanceled()
        },
        { timeout: 200, grace: '1h' },
      ),
    )
    expect(error).toMatchObject({ name: 'TimeoutError', reason: { kind: 'timeout', timeout: 200 } })
    expect((error as Error).cause).not.toBeInstanceOf(WorkerExitedError)
  })

  test('a job that does not look is terminated after the grace period', async () => {
    const error = await rejection(
      runInWorker(
        (cancel) => {
          cancel.reportProgress('started')
          for (;;);
        },
        { parent: canceledByProgress(), grace: 10 },
      ),
    )
    expect(error).toMatchObject({ name: 'ParentCancelation' })
    expect((error as Error).cause).toBeInstanceOf(WorkerExitedError)
  })

  test('a job may clean up, and its partial result is kept', async () => {
    const options = { parent: canceledByProgress(), grace: '1m', data: { rows: 2, wait: true } }
    expect(await rejection(runInWorker(FILE, options))).toMatchObject({
      name: 'ParentCancelation',
      partialResult: { rows: 2 },
    })
  })

  test('a job that fulfills in spite of it fulfills the run', async () => {
    const result = await runInWorker(
      async (cancel) => {
        cancel.reportProgress('started')
        await cancel.sleep('1h').catch(() => undefined)
        return cancel.reason!.message
      },
      { parent: canceledByProgress(), grace: '1m' },
    )
    expect(result).toContain('enough')
  })

  test('by the job itself, and by an operation within it', async () => {
    expect(await rejection(runInWorker((cancel) => { cancel.cancel('by the job'); cancel.throwIfCanceled() }))).toMatchObject({ name: 'ManualCancelation', message: 'by the job' }) // prettier-ignore
    expect(
      await rejection(runInWorker((cancel) => cancel.child({ timeout: 1 }).run((child) => child.sleep('1h')))),
    ).toMatchObject({ name: 'TimeoutError', reason: { kind: 'timeout', timeout: 1 } })
  })

  test('before the start: no thread is started', async () => {
    const parent = new Cancelable().enter()
    parent.cancel('too late')
    expect(await rejection(runInWorker(() => 1, { parent }))).toMatchObject({ name: 'ParentCancelation' })
  })
})
