/** Control groups of this machine with a memory limit, for tests that need the kernel's own. */
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { eventually } from './eventually.js'

const VERSION_1 = '/sys/fs/cgroup/memory'
const VERSION_2 = '/sys/fs/cgroup'

/** A group with a memory limit; `enter` is the file to which a process writes its id. */
export class MemoryGroup {
  readonly #folder: string
  readonly #isFirst = existsSync(join(VERSION_1, 'memory.limit_in_bytes'))

  /** @throws a system error where groups cannot be made */
  constructor(limit: number) {
    this.#folder = join(this.#isFirst ? VERSION_1 : VERSION_2, `tripline-test-${process.pid}-${performance.now()}`)
    mkdirSync(this.#folder)
    try {
      writeFileSync(join(this.#folder, this.#isFirst ? 'memory.limit_in_bytes' : 'memory.max'), String(limit))
    } catch (error) {
      rmdirSync(this.#folder)
      throw error
    }
  }

  get enter(): string {
    return join(this.#folder, 'cgroup.procs')
  }

  /** The bytes that it uses, with caches. */
  get used(): number {
    return Number(readFileSync(join(this.#folder, this.#isFirst ? 'memory.usage_in_bytes' : 'memory.current'), 'utf8'))
  }

  get processes(): number[] {
    return readFileSync(this.enter, 'utf8').trim().split('\n').map(Number)
  }

  /** How many of its processes the kernel has killed for lack of memory. */
  get killed(): number {
    const file = this.#isFirst ? 'memory.oom_control' : 'memory.events'
    return Number(/^oom_kill (\d+)$/m.exec(readFileSync(join(this.#folder, file), 'utf8'))?.[1])
  }

  /** Removes the group once its last process is gone. */
  async remove(): Promise<void> {
    await eventually(() => readFileSync(this.enter, 'utf8') === '')
    rmdirSync(this.#folder)
  }
}

/** Why such groups cannot be made here; undefined if they can. */
export const NO_MEMORY_GROUP: string | undefined = tryGroup()

function tryGroup(): string | undefined {
  try {
    void new MemoryGroup(1e8).remove()
    return undefined
  } catch (error) {
    return (error as Error).message
  }
}
