// What a result was measured on.
import { readFileSync } from 'node:fs'
import os from 'node:os'

const root = new URL('..', import.meta.url)

function versionOf(path) {
  try {
    return JSON.parse(readFileSync(new URL(path, root), 'utf8')).version
  } catch {
    return undefined
  }
}

/** @param {string[]} packages whose versions matter, as installed in bench/ */
export function describeMachine(packages = []) {
  const [cpu] = os.cpus()
  return {
    at: new Date().toISOString(),
    machine: {
      cpu: cpu.model,
      cpus: os.cpus().length,
      memory: os.totalmem(),
      os: `${os.type()} ${os.release()} ${os.arch()}`,
      load: os.loadavg().map((each) => Number(each.toFixed(2))),
    },
    versions: {
      node: process.version,
      tripline: versionOf('package.json'),
      ...Object.fromEntries(packages.map((name) => [name, versionOf(`bench/node_modules/${name}/package.json`)])),
    },
  }
}
