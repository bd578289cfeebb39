/** The owner that this environment is: its claims, and the files that publish them. */
import { closeSync, fstatSync } from 'node:fs'
import { NotReservedError } from '../base/errors.js'
import { MAX_CLAIMS, encode, type Claim, type OwnerContent } from './claims.js'
import type { Folder } from './folder.js'
import { createLock } from '../addon/lock.js'
import { namespaceHere } from './meter.js'

/** The variable by which a command learns of the claim that it runs within. */
export const WITHIN = 'TRIPLINE_RESERVATION'
const KEY = /^[0-9a-f]{16}:\d{1,9}$/

export class OwnFiles implements Disposable {
  readonly folder: Folder
  readonly within: string
  readonly #claims = new Map<number, Claim>()
  #id = ''
  #lock: number | undefined
  #levels: readonly string[] = []
  #grown: OwnerContent['grown'] = []
  #written = ''
  #last = 0
  readonly #onExit = (): void => this[Symbol.dispose]()

  /** @throws NotReservedError */
  constructor(folder: Folder) {
    this.folder = folder
    const within = process.env[WITHIN] ?? ''
    this.within = KEY.test(within) ? within : ''
    this.#create()
    process.on('exit', this.#onExit)
  }

  get id(): string {
    return this.#id
  }

  get claims(): readonly Claim[] {
    return [...this.#claims.values()]
  }

  nextNumber(): number {
    if (this.#claims.size >= MAX_CLAIMS)
      throw new NotReservedError('many', `this process has ${MAX_CLAIMS} open reservations, which is the most`)
    return ++this.#last
  }

  set(claim: Claim): void {
    this.#claims.set(claim.number, claim)
  }

  get(number: number): Claim | undefined {
    return this.#claims.get(number)
  }

  delete(number: number): void {
    this.#claims.delete(number)
  }

  /** What else is published with the claims. */
  describe(levels: readonly string[], grown: OwnerContent['grown'] = this.#grown): void {
    this.#levels = levels
    this.#grown = grown
  }

  /** Writes the file if its content has changed, or the file is gone. @throws NotReservedError; a system error */
  publish(): void {
    const lost = this.#isLost()
    if (lost) {
      this.#close()
      this.folder.restore()
      this.#create()
    }
    const text = encode({
      pid: process.pid,
      namespace: namespaceHere,
      within: this.within,
      levels: this.#levels,
      grown: this.#grown,
      claims: this.claims,
    })
    if (text === this.#written && !lost) return
    this.folder.write(this.#id, text)
    this.#written = text
  }

  /** Whether a cleaner of temporary files has removed the lock, so that others take this owner for dead. */
  #isLost(): boolean {
    return process.platform !== 'win32' && fstatSync(this.#lock!).nlink === 0
  }

  #create(): void {
    this.#id = crypto.randomUUID().replaceAll('-', '').slice(0, 16)
    const { folder } = this
    folder.createClaim(this.#id)
    try {
      this.#lock = createLock(folder.lockFile(this.#id), folder.mode)
    } finally {
      if (this.#lock === undefined) folder.remove(this.#id)
    }
    if (this.#lock === undefined)
      throw new NotReservedError(
        'locks',
        `files in ${folder.path} cannot be locked; TRIPLINE_RESERVATIONS names another folder`,
      )
  }

  #close(): void {
    if (this.#lock === undefined) return
    // Windows does not remove a file that is open in this way.
    if (process.platform === 'win32') closeSync(this.#lock)
    this.folder.remove(this.#id)
    if (process.platform !== 'win32') closeSync(this.#lock)
    this.#lock = undefined
    this.#written = ''
  }

  [Symbol.dispose](): void {
    process.off('exit', this.#onExit)
    this.#close()
  }
}
