/** `tripline demo`: runs the programs in examples/demo, which use the package as any program does. */
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { packageRoot } from '../base/package.js'
import { parseArguments } from './arguments.js'
import { UsageError, watchStdout } from './usage.js'
import { VERBS } from './verbs.js'

/** What the demo exports. */
interface Demo {
  main(): Promise<number>
}

export async function main(words: readonly string[]): Promise<number> {
  const given = parseArguments(words, VERBS.demo)
  if (given.rest.length > 0) throw new UsageError(`tripline demo takes no arguments; received '${given.rest[0]}'`)
  const file = pathToFileURL(join(packageRoot(), 'examples/demo/main.js'))
  watchStdout()
  const demo = (await import(file.href)) as Demo
  return demo.main()
}
