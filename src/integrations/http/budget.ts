/** What a request may use: the options of a route, checked once, and the routes by their paths. */
import { invalidChoice, invalidType, invalidValue } from '../../base/errors.js'
import { readOptions } from '../../base/options.js'
import { printable } from '../../base/printable.js'
import { parseDuration, type Duration } from '../../base/units.js'
import { Guard, isGuard } from '../../monitor/guard.js'
import { parseLimits, type Limits, type ParsedLimits } from '../../monitor/limits.js'
import { checkResources } from '../../sources/resource.js'
import type { HttpRequest } from './exchange.js'

/** How important a request is: `low` ones are refused first, `high` ones last. */
export type Priority = 'low' | 'normal' | 'high'

/** What the requests of a route may use. */
export interface RouteBudget {
  /** How long a request may take, until its response was sent. @default that of `protect()` */
  timeout?: Duration | undefined
  /** Cancels a request when a limit is crossed: limits, or a guard. @default none */
  resources?: Limits | Guard | undefined
  /** How important the requests are. @default 'normal' */
  priority?: Priority | undefined
  /** The name of the operations. @default the method and the path: `'GET /users/1'`; in Fastify with the route's path */
  name?: string | undefined
}

/** A budget, checked and complete. */
export interface ParsedBudget {
  readonly timeout: number
  readonly guard: Guard | undefined
  readonly priority: Priority
  readonly name: string | undefined
}

const KEYS = ['timeout', 'resources', 'priority', 'name']
export const PRIORITIES: readonly Priority[] = ['low', 'normal', 'high']

/** Guards that close together. */
export class Guards {
  readonly #own: Guard[] = []

  /** The guard that was given, or one for the limits that were. */
  open(resources: Limits | Guard, option: string, name: string, dryRun: boolean = false): Guard {
    const checked = checkResources(resources, option)
    if (!isGuard(checked)) return this.watch(parseLimits(checked), name, dryRun)
    if (checked.closed) throw invalidValue(option, 'a guard that is not closed', checked)
    return checked
  }

  /** A guard for limits. */
  watch(limits: ParsedLimits, name: string, dryRun: boolean): Guard {
    const guard = new Guard(limits, { name, dryRun })
    this.#own.push(guard)
    return guard
  }

  /** Closes those that were made here. */
  close(): void {
    for (const each of this.#own.splice(0)) each.close()
  }
}

/** @throws TypeError, RangeError with Node's codes, naming the option */
export function parseBudget(budget: RouteBudget, guards: Guards, defaults: ParsedBudget, option: string): ParsedBudget {
  if (typeof budget !== 'object' || budget === null) throw invalidType(option, 'an object', budget)
  const own = readOptions(budget, 'option of a route', KEYS)
  const { timeout, resources, priority = defaults.priority, name = defaults.name } = own
  if (!PRIORITIES.includes(priority)) {
    throw invalidChoice('priority', PRIORITIES, priority)
  }
  if (name !== undefined && typeof name !== 'string') throw invalidType('name', 'a string', name)
  return {
    timeout: timeout === undefined ? defaults.timeout : parseDuration(timeout, 'timeout', true),
    guard: resources === undefined ? defaults.guard : guards.open(resources, 'resources', name ?? 'route'),
    priority,
    name,
  }
}

/** Budgets by path: `'/reports'`, `'GET /reports'`, and with `*` at the end everything below it. */
export class Routes {
  readonly #exact = new Map<string, ParsedBudget>()
  readonly #prefixes: { readonly method: string; readonly prefix: string; readonly budget: ParsedBudget }[] = []

  /** @throws TypeError, RangeError with Node's codes, naming the route and the option */
  constructor(routes: Readonly<Record<string, RouteBudget>>, guards: Guards, defaults: ParsedBudget) {
    if (typeof routes !== 'object' || routes === null || Array.isArray(routes))
      throw invalidType('routes', 'an object of budgets by path', routes)
    for (const [route, given] of Object.entries(routes)) {
      const [, method = '', path, star] = ROUTE.exec(route) ?? []
      if (path === undefined) {
        throw invalidValue('routes', "by paths such as '/reports', 'GET /reports' or '/reports/*'", route)
      }
      const budget = parseBudget(given, guards, defaults, `routes.${printable(route)}`)
      if (star === undefined) this.#exact.set(`${method} ${path}`, budget)
      else this.#prefixes.push({ method, prefix: path, budget })
    }
    // The longest first; with a method before without.
    this.#prefixes.sort((a, b) => b.prefix.length - a.prefix.length || b.method.length - a.method.length)
  }

  /** The budget of a request, if its path has one. */
  find(method: string, path: string): ParsedBudget | undefined {
    const exact = this.#exact.get(`${method} ${path}`) ?? this.#exact.get(` ${path}`)
    if (exact !== undefined || this.#prefixes.length === 0) return exact
    return this.#prefixes.find((each) => {
      return path.startsWith(each.prefix) && (each.method === '' || each.method === method)
    })?.budget
  }
}

const ROUTE = /^(?:([A-Z-]+) )?(\/[^*]*)(\*)?$/
const PLAIN = /^[\x20-\x7e]*$/
const ABSOLUTE = /^[a-z][a-z\d+.-]*:\/\/[^/?#]*/i

/**
 * The path of a request, without its query. The host that a request names is never part of it, also where the client sends a
 * whole URL.
 */
export function pathOf(request: HttpRequest): string {
  const { originalUrl } = request as { readonly originalUrl?: string }
  let url = originalUrl ?? request.url ?? ''
  if (url[0] !== '/') url = url.replace(ABSOLUTE, '') || '/'
  const end = url.search(/[?#]/)
  return end < 0 ? url : url.slice(0, end)
}

/** Both come from outside, so the name is cut and escaped. */
export function nameOf(method: string | undefined, path: string): string {
  const name = `${method ?? ''} ${path.length > 100 ? `${path.slice(0, 100)}...` : path}`
  // Nearly every name is; the check costs a fifth of the replacement.
  return PLAIN.test(name) ? name : printable(name)
}
