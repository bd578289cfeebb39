/** The types of captured output, checked by compiling this file, beside what it is at run time. */
import { expect, expectTypeOf, test } from 'vitest'
import { run, type RunOptions } from '../../src/index.js'

/** Compiled, and never called: what is known of the output before the call. */
export async function known(options: RunOptions): Promise<void> {
  const { stdout, stderr } = await run('true', [], { capture: true })
  expectTypeOf(stdout).toEqualTypeOf<string>()
  expectTypeOf(stderr).toEqualTypeOf<string>()
  expectTypeOf((await run('true', [], { capture: true, stdio: 'pipe' })).stderr).toEqualTypeOf<string>()
  expectTypeOf((await run('true', [], { stdio: 'pipe' })).stdout).toEqualTypeOf<string | undefined>()
  expectTypeOf((await run('true')).stdout).toEqualTypeOf<string | undefined>()
  expectTypeOf((await run('true', [], options)).stdout).toEqualTypeOf<string | undefined>()
  // @ts-expect-error the option is called capture
  await run('true', [], { captured: true })
}

test('captured output is text for the streams that are pipes', async () => {
  const { stdout, stderr } = await run(process.execPath, ['-p', '1'], {
    capture: true,
    stdio: ['ignore', 'pipe', 'ignore'],
    onEvent: (event) => expectTypeOf(event.kind).toExtend<string>(),
  })
  expectTypeOf(stdout).toEqualTypeOf<string>()
  expectTypeOf(stderr).toEqualTypeOf<string | undefined>()
  expect([stdout.trim(), stderr]).toEqual(['1', undefined])
})
