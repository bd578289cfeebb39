/** The page: connects, and draws what has come. */
import { Metrics } from './charts.js'
import { follow } from './connection.js'
import { byId, el, setAttribute, setText } from './dom.js'
import { agoText, formatDuration, plural } from './format.js'
import { Announcer, Guards } from './guards.js'
import { Operations } from './operations.js'
import { Store } from './store.js'
import { Tables } from './tables.js'

const store = new Store()
const views = [new Metrics(store), new Guards(store), new Operations(store), new Tables(store), new Announcer(store)]

/** The state of the program in a few words. */
class Overview {
  readonly #tiles = new Map<
    string,
    { readonly tile: HTMLElement; readonly value: HTMLElement; readonly note: HTMLElement }
  >()

  show(): void {
    const { guards, breaches, operations, commands } = store.parts
    const breached = guards.filter(({ state }) => state === 'breached' || state === 'clearing')
    const unknown = guards.filter(({ state }) => state === 'unavailable')
    if (guards.length === 0) this.#tile('Guards', 'No guards', '', '')
    else if (breached.length > 0) {
      const names = breached.map(({ name }) => name).join(', ')
      this.#tile('Guards', `${breached.length} of ${guards.length} breached`, names, 'breached')
    } else if (unknown.length > 0) {
      this.#tile('Guards', `${unknown.length} of ${guards.length} unknown`, 'a metric is missing', 'unavailable')
    } else {
      this.#tile('Guards', 'All clear', plural(guards.length, 'guard'), 'clear')
    }
    const latest = breaches[0]
    const first = latest?.proofs[0]?.text ?? ''
    if (latest === undefined) this.#tile('Latest breach', 'None', '', '')
    else
      this.#tile(
        'Latest breach',
        latest.until === null ? 'Now' : agoText(store.now - latest.at),
        first,
        latest.until === null ? 'breached' : '',
      )
    if (operations !== null) {
      const { active, ended } = operations
      const failed = ended['failed'] ?? 0
      const notes = [`${ended['total'] ?? 0} ended`, failed === 0 ? '' : `${failed} failed`].filter(
        (each) => each !== '',
      )
      this.#tile('Operations', String(active), notes.join(', '), '')
    }
    if (store.about?.hasCommands === true) this.#tile('Commands', String(commands.length), '', '')
  }

  #tile(name: string, text: string, more: string, state: string): void {
    let known = this.#tiles.get(name)
    if (known === undefined) {
      const value = el('dd', { class: 'big' })
      const note = el('dd', { class: 'quiet' })
      const tile = el('div', { class: 'card tile' }, el('dt', {}, name), value, note)
      this.#tiles.set(name, (known = { tile, value, note }))
      byId('tiles').append(tile)
    }
    setText(known.value, text)
    setText(known.note, more)
    setAttribute(known.tile, 'data-state', state)
  }
}

const overview = new Overview()
let isDue = false

/** Once per frame, and not at all while the page is out of sight. */
function show(): void {
  showHead()
  if (isDue) return
  isDue = true
  requestAnimationFrame(() => {
    isDue = false
    overview.show()
    for (const each of views) each.show()
    showFoot()
  })
}

function showHead(): void {
  const { about, parts } = store
  if (about === undefined) return
  const { title, host, pid } = about
  setText(byId('title'), title)
  setText(byId('where'), `${host} · process ${pid}`)
  // Visible while another tab is in front.
  const breached = parts.guards.filter(({ state }) => state === 'breached' || state === 'clearing').length
  const text = `${breached === 0 ? '' : `(${breached}) `}${title} · ${host}`
  if (document.title !== text) document.title = text
}

function showFoot(): void {
  const { about, parts } = store
  if (about === undefined) return
  const { cost, recording } = parts
  const notes = [
    `A sample every ${formatDuration(about.interval)}, the last ${formatDuration(about.interval * about.samples)} kept`,
    cost === null ? '' : `sampling takes ${cost.cpu}% of a CPU, ${cost.wakeups} wake-ups per second`,
    recording === null ? '' : `flight recorder: ${recording.file}${recording.closed ? ' (closed)' : ''}`,
    `tripline ${about.tripline}, Node ${about.node}`,
  ]
  setText(byId('foot'), notes.filter((each) => each !== '').join(' · '))
}

// Ages grow also while no events come.
setInterval(show, 1000)

follow({
  get interval() {
    return store.about?.interval ?? 1000
  },
  state(message) {
    store.replace(message)
    show()
  },
  update(message) {
    store.update(message)
    show()
  },
  connection(state, text, advice) {
    document.body.dataset['connection'] = state
    store.isLive = state === 'live'
    setText(byId('connection-text'), text)
    const notice = byId('notice')
    if (notice.hidden !== (advice === '')) notice.hidden = advice === ''
    setText(notice, advice)
  },
})
