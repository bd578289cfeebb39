/** The examples of a page of docs/, each of which is a whole program. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { expect } from 'vitest'

const root = fileURLToPath(new URL('../..', import.meta.url))

export interface Page {
  readonly text: string
  /** The code of each example, with its number. */
  readonly examples: readonly (readonly [number: number, code: string])[]
  /** Runs an example, which `edit` may adapt to the test. It uses the compiled library. */
  readonly run: (number: number, edit?: (code: string) => string) => Promise<void>
}

/** @param name without `.md` */
export function pageOf(name: string): Page {
  const text = readFileSync(`${root}docs/${name}.md`, 'utf8')
  const examples = [...text.matchAll(/^```ts\n([^]*?)^```$/gm)].map(([, code], index) => [index + 1, code!] as const)
  const run = async (number: number, edit = (code: string) => code): Promise<void> => {
    const folder = `${root}.cache/docs-${name}`
    mkdirSync(folder, { recursive: true })
    const file = `${folder}/example-${number}.ts`
    writeFileSync(file, edit(examples[number - 1]![1]))
    await expect(import(pathToFileURL(file).href)).resolves.toBeDefined()
  }
  return { text, examples, run }
}
