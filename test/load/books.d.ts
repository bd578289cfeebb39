export interface Details {
  readonly now: number
  readonly breached?: boolean
  readonly metric?: string
  readonly value?: number
  readonly limit?: number
  readonly direction?: 'above' | 'below'
  readonly at?: number
}

export interface ServerBooks {
  readonly book: readonly (readonly [id: string, what: string, details: Details])[]
  readonly guardEvents: readonly { readonly event: string; readonly at?: number; readonly now: number }[]
  readonly unhandled: readonly string[]
  readonly open: { readonly operations: number; readonly registered: number }
  readonly stats: {
    readonly admitted: number
    readonly active: number
    readonly refused: { readonly low: number; readonly normal: number; readonly high: number }
  }
}

export interface Books {
  readonly sent: readonly (readonly [id: string, group: string])[]
  readonly received: readonly (readonly [id: string, outcome: string, details?: { readonly metric?: string }])[]
  readonly server: ServerBooks
  readonly isWitnessed: (details: Details) => boolean
}

export function compareBooks(books: Books): { faults: string[]; counts: Record<string, number> }
export function checkShedding(server: Pick<ServerBooks, 'book' | 'guardEvents'>): string[]
