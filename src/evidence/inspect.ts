/** Profiles and heap snapshots through the inspector: of this thread, or of the main thread from another one. */
import type { Session } from 'node:inspector'
import { loadBuiltin } from '../base/builtin.js'
import { realTimers } from '../base/real-timers.js'
import { formatSize } from '../base/units.js'
import { Series } from '../addon/sampler.js'
import type { EvidenceFile } from './files.js'

/** A session with the inspector. */
export class Inspector implements Disposable {
  readonly #session: Session

  /** @param ofMain whether it inspects the main thread, from another one, even while that is blocked */
  constructor(ofMain: boolean) {
    const { Session: Made } = loadBuiltin('node:inspector')
    this.#session = new Made()
    if (ofMain) this.#session.connectToMainThread()
    else this.#session.connect()
  }

  [Symbol.dispose](): void {
    this.#session.disconnect()
  }

  #post<T>(method: string, parameters: object = {}): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#session.post(method, parameters, (error, result) => {
        if (error === null) resolve(result as T)
        else reject(new Error(`${method}: ${error.message}`))
      })
    })
  }

  /** Records a profile for some milliseconds. The process may end meanwhile. */
  async writeProfile(file: EvidenceFile, time: number): Promise<void> {
    await this.#post('Profiler.enable')
    try {
      await this.#post('Profiler.start')
      await new Promise((resolve) => realTimers.setTimeout(resolve, time).unref())
      const { profile } = await this.#post<{ profile: object }>('Profiler.stop')
      file.write(JSON.stringify(profile))
    } finally {
      await this.#post('Profiler.disable')
    }
  }

  /** Writes the heap. @throws Error if memory is too short for that */
  async writeSnapshot(file: EvidenceFile): Promise<void> {
    const { usedSize } = await this.#post<{ usedSize: number }>('Runtime.getHeapUsage')
    checkMemory(usedSize)
    let failed: unknown
    const write = ({ params }: { params: { chunk: string } }): void => {
      try {
        if (failed === undefined) file.write(params.chunk)
      } catch (error) {
        failed = error
      }
    }
    this.#session.on('HeapProfiler.addHeapSnapshotChunk', write)
    try {
      await this.#post('HeapProfiler.takeHeapSnapshot')
    } finally {
      this.#session.removeListener('HeapProfiler.addHeapSnapshotChunk', write)
    }
    if (failed !== undefined) throw failed
  }
}

/** Making a snapshot takes about as much memory again as the heap. */
function checkMemory(heap: number): void {
  const series = Series.open({ metric: 'memory.available', window: 0, name: '', pid: 0, tree: false }, true)
  const { state, value } = series.read()
  series.release()
  if (state !== 'known') throw new Error('memory.available is not known')
  if (value > 2 * heap) return
  throw new Error(`memory.available, ${formatSize(value)}, is not more than twice the heap, ${formatSize(heap)}`)
}
