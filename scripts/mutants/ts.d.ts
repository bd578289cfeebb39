/** Where an operator of mutation fits, and what it writes there. */
export interface Site {
  operator: string
  start: number
  end: number
  replacement: string
}

export function sites(text: string, file: string): Site[]
