/**
 * The obvious model of tickers: a list of all beats of each, from which every decision is made. It shares no code with the library,
 * where a ticker keeps a few numbers.
 */

/** What a body does each time. */
export interface GivenBody {
  /** How long it blocks the event loop first, in milliseconds. */
  readonly work: number
  readonly ends: 'return' | 'throw' | 'resolve' | 'reject'
  /** Before it resolves or rejects, in milliseconds. */
  readonly wait: number
  /** Whether it ends when its operation is canceled. */
  readonly obeys: boolean
  /** Sets the period of all tickers, once it has worked. */
  readonly period: number | undefined
}

export interface GivenTicker {
  readonly period: number
  readonly missed: 'coalesce' | 'skip' | 'burst' | 'delay'
  readonly maxBurst: number
  readonly concurrency: number
  readonly timeout: number | undefined
  readonly isGuarded: boolean
  readonly whileBreached: 'run' | 'pause' | 'cancel' | number
  readonly priority: number
  readonly catches: boolean
  readonly bodies: readonly GivenBody[]
}

interface Timer {
  readonly due: number
  readonly run: () => void
  /** Timers of the library expire together; those of bodies are Node's. */
  readonly isOurs: boolean
}

const STEP = 250

export class NaiveWorld {
  time: number
  tickers: NaiveTicker[] = []
  isBreached = false
  /** Whether the order of two things was not defined. */
  isAmbiguous = false
  #timers: Timer[] = []
  #step: Timer | undefined
  #later: (() => void)[] = []

  constructor(time: number) {
    this.time = time
  }

  after(delay: number, isOurs: boolean, run: () => void): Timer {
    const timer = { due: this.time + delay, run, isOurs }
    if (this.#timers.some(({ due }) => due === timer.due)) this.isAmbiguous = true
    this.#timers.push(timer)
    this.#timers.sort((a, b) => a.due - b.due)
    return timer
  }

  drop(timer: Timer | undefined): void {
    this.#timers = this.#timers.filter((each) => each !== timer)
  }

  /** Once what runs now has ended. */
  soon(run: () => void): void {
    this.#later.push(run)
  }

  settle(): void {
    for (let run = this.#later.shift(); run !== undefined; run = this.#later.shift()) run()
  }

  advance(ms: number): void {
    const until = this.time + ms
    for (;;) {
      const next = Math.min(this.#timers[0]?.due ?? Infinity, ...this.tickers.map((each) => each.wake))
      if (Math.max(this.time, next) > until) break
      this.time = Math.max(this.time, next)
      this.#fire()
      this.#deliver()
    }
    this.time = Math.max(this.time, until)
  }

  #fire(): void {
    for (let first = this.#timers[0]; first !== undefined && first.due <= this.time; first = this.#timers[0]) {
      const { time } = this
      // After a blocked loop, the library's one timer may come before or after those of bodies.
      const overdue = this.#timers.filter(({ due }) => due <= time)
      if (overdue.some(({ isOurs }) => isOurs !== first.isOurs)) this.isAmbiguous = true
      const together = first.isOurs ? this.#timers.filter(({ due, isOurs }) => isOurs && due <= time) : [first]
      for (const each of together) {
        if (!this.#timers.includes(each)) continue
        this.drop(each)
        each.run()
      }
      this.settle()
    }
  }

  /** All that have passed are taken before the first body runs. */
  #deliver(): void {
    const due = this.tickers.filter(({ wake }) => wake <= this.time).map((each) => [each, each.take()] as const)
    for (const [each, beats] of due) each.deliver(beats)
    this.settle()
  }

  breach(isBreached: boolean): void {
    if (this.isBreached === isBreached) return
    this.isBreached = isBreached
    for (const each of this.tickers) if (isBreached && each.isEndedByGuard) each.cancel('resource')
    this.#shed()
    this.settle()
  }

  #shed(): void {
    this.drop(this.#step)
    const members = this.tickers.filter((each) => each.isShedding)
    const wanted = members.filter((each) => each.isShed !== this.isBreached)
    const priorities = wanted.map(({ given }) => given.priority)
    const first = this.isBreached ? Math.min(...priorities) : Math.max(...priorities)
    const level = wanted.filter(({ given }) => given.priority === first)
    level.forEach((each, place) => {
      each.shed(this.isBreached, this.isBreached ? 0 : (place / level.length) * STEP)
    })
    if (wanted.length > level.length) this.#step = this.after(STEP, true, () => this.#shed())
  }

  add(given: GivenTicker): void {
    const ticker = new NaiveTicker(given, this)
    this.tickers.push(ticker)
    if (!this.isBreached || !given.isGuarded) return
    if (ticker.isEndedByGuard) ticker.cancel('resource')
    else if (ticker.isShedding) ticker.shed(true, 0)
    this.settle()
  }
}

interface Beat {
  readonly index: number
  readonly due: number
}

interface Running {
  readonly begun: number
  readonly obeys: boolean
  /** Ends the body's wait early. */
  stop: (() => void) | undefined
  deadline: Timer | undefined
  isSettled: boolean
}

export class NaiveTicker {
  readonly given: GivenTicker
  readonly log: string[] = []
  readonly #world: NaiveWorld
  #period: number
  /** The period of the grid: while it is paused, still the one of before. */
  #grid: number
  state = 'running'
  isShed = false
  #isPaused = false
  #isFull = false
  #next: number
  #index = 0
  #waiting: Beat[] = []
  #uncounted = 0
  #hasSkipped = false
  readonly #running = new Set<Running>()
  readonly #operations = new Set<Running>()
  #outcome: string | undefined
  #isOver = false
  #isStarting = false
  readonly counts = { ticks: 0, missed: 0, overruns: 0, timeouts: 0 }

  constructor(given: GivenTicker, world: NaiveWorld) {
    this.given = given
    this.#world = world
    this.#period = given.period
    this.#grid = given.period
    this.#next = world.time + given.period
  }

  get stats(): Record<string, number> {
    const { missed, ...rest } = this.counts
    return { ...rest, missed: missed + this.#uncounted, running: this.#running.size }
  }

  get isShedding(): boolean {
    const { isGuarded, whileBreached } = this.given
    return this.state !== 'closed' && isGuarded && whileBreached !== 'run' && whileBreached !== 'cancel'
  }

  /** Also after it was closed, while its last body runs. */
  get isEndedByGuard(): boolean {
    return this.given.isGuarded && this.given.whileBreached === 'cancel'
  }

  get wake(): number {
    return this.#isFull || this.state === 'paused' || this.state === 'closed' ? Infinity : this.#next
  }

  // ---- beats

  get #effective(): number {
    const { whileBreached } = this.given
    return this.state === 'slowed' && typeof whileBreached === 'number' ? this.#period * whileBreached : this.#period
  }

  take(): Beat[] {
    const { time } = this.#world
    const beats: Beat[] = []
    if (this.state === 'paused') return beats
    for (; this.#next <= time; this.#next += this.#effective) beats.push({ index: this.#index++, due: this.#next })
    const last = beats.at(-1)
    const isLate = beats.length > 1 || (last !== undefined && time - last.due >= this.#effective / 2)
    if (this.given.missed === 'delay' && isLate) this.#next = time + this.#effective
    return beats
  }

  deliver(beats: readonly Beat[]): void {
    if (beats.length === 0 || this.wake === Infinity) return
    const isBusy = this.#running.size >= this.given.concurrency
    this.#arrive(beats, isBusy)
    if (isBusy) this.#isFull = true
    else this.#start()
  }

  #arrive(beats: readonly Beat[], isBusy: boolean): void {
    const { missed, maxBurst } = this.given
    if (beats.length === 0) return
    let kept = [...this.#waiting, ...beats]
    if (missed === 'skip') {
      const skips = isBusy || (beats.length > 1 && !this.#hasSkipped)
      this.#hasSkipped = skips && !isBusy
      kept = skips ? [] : beats.slice(-1)
    } else {
      kept = kept.slice(missed === 'burst' ? -maxBurst : -1)
    }
    this.#uncounted += this.#waiting.length + beats.length - kept.length
    this.#waiting = kept
  }

  #start(): void {
    if (this.#isStarting) return
    this.#isStarting = true
    while (this.#running.size < this.given.concurrency && (this.state === 'running' || this.state === 'slowed')) {
      const beat = this.#waiting.shift()
      if (beat === undefined) break
      this.#run(beat)
    }
    this.#isStarting = false
  }

  // ---- bodies

  #run({ index, due }: Beat): void {
    const world = this.#world
    const { bodies, timeout } = this.given
    const { work, ends, wait, obeys, period } = bodies[this.counts.ticks % bodies.length]!
    const missed = this.#uncounted
    this.#uncounted = 0
    this.counts.ticks++
    this.counts.missed += missed
    this.log.push(`${world.time}: beat ${index} of ${due}, ${world.time - due} late, ${missed} missed`)
    const body: Running = { begun: world.time, obeys, stop: undefined, deadline: undefined, isSettled: false }
    this.#running.add(body)
    this.#operations.add(body)
    const deadline = timeout === undefined ? Infinity : world.time + timeout
    world.time += work
    if (period !== undefined) for (const each of world.tickers) each.setPeriod(period)
    if (ends === 'return' || ends === 'throw') {
      this.#settle(body, ends === 'throw' ? 'thrown' : '')
      this.#over(body)
      return
    }
    const waiting = world.after(wait, false, () => this.#end(body, ends === 'reject' ? 'rejected' : ''))
    body.stop = () => world.drop(waiting)
    if (deadline !== Infinity) {
      body.deadline = world.after(deadline - world.time, true, () => {
        this.counts.timeouts++
        this.#cancelBody(body)
      })
    }
  }

  /** A body that waited has ended. */
  #end(body: Running, error: string): void {
    body.stop = undefined
    this.#settle(body, error)
    this.#over(body)
  }

  /** Its operation is canceled. One that does not obey is abandoned. */
  #cancelBody(body: Running): void {
    if (body.isSettled) return
    body.isSettled = true
    this.#world.drop(body.deadline)
    if (body.obeys) body.stop?.()
    this.#world.soon(() => {
      this.#operations.delete(body)
      if (body.obeys) this.#over(body)
      else this.#goOn()
    })
  }

  #settle(body: Running, error: string): void {
    this.#world.drop(body.deadline)
    if (body.isSettled) return
    body.isSettled = true
    this.#operations.delete(body)
    if (error === '') return
    if (this.given.catches) {
      this.log.push(`${this.#world.time}: error ${error}`)
    } else if (this.state !== 'closed') {
      this.cancel(`error ${error}`)
    }
  }

  #over(body: Running): void {
    if (this.#world.time - body.begun > this.#effective) this.counts.overruns++
    this.#running.delete(body)
    if (this.#isFull && this.state !== 'closed') {
      this.#isFull = false
      this.#arrive(this.take(), true)
    }
    this.#goOn()
  }

  #goOn(): void {
    if (this.state === 'closed') this.#finish()
    else this.#start()
  }

  // ---- from outside

  setPeriod(period: number): void {
    this.#period = period
    if (this.state !== 'closed') this.#regrid()
  }

  /** Later beats follow the last one at the new period. */
  #regrid(): void {
    const { time } = this.#world
    const before = this.#grid
    this.#grid = this.#effective
    if (this.#next > time) this.#next = Math.max(time, this.#next - before + this.#grid)
  }

  pause(isPaused: boolean): void {
    this.#isPaused = isPaused
    this.#adapt(0)
  }

  shed(isShed: boolean, delay: number): void {
    this.isShed = isShed
    this.#adapt(delay)
  }

  #adapt(delay: number): void {
    if (this.state === 'closed') return
    const isSlow = typeof this.given.whileBreached === 'number'
    const state = this.#isPaused || (this.isShed && !isSlow) ? 'paused' : this.isShed ? 'slowed' : 'running'
    if (state === this.state) return
    const wasPaused = this.state === 'paused'
    this.#enter(state)
    if (state === 'paused') {
      this.#miss()
      return
    }
    this.#regrid()
    if (state === 'running' || wasPaused) this.#next = Math.max(this.#next, this.#world.time + delay)
  }

  #enter(state: string): void {
    this.state = state
    this.log.push(`${this.#world.time}: ${state}`)
  }

  #miss(): void {
    this.#uncounted += this.#waiting.length
    this.#waiting = []
  }

  /** Ends it and cancels its bodies. */
  cancel(why: string): void {
    if (this.#outcome !== undefined || this.#isOver) return
    this.#outcome = why
    this.close()
    for (const body of this.#operations) this.#cancelBody(body)
    this.#finish()
  }

  close(): void {
    if (this.state === 'closed') return
    this.#miss()
    this.#enter('closed')
    this.#finish()
  }

  #finish(): void {
    if (this.#isOver || this.#operations.size > 0 || (this.#running.size > 0 && this.#outcome === undefined)) return
    this.#isOver = true
    this.log.push(`done, ${this.#outcome ?? 'closed'}`)
  }
}
