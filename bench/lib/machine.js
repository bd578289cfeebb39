// Describes the machine and the versions with which results were measured.
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { cpus, release, totalmem, type } from 'node:os'

const manifest = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))

export function describeMachine() {
  const all = cpus()
  return {
    cpu: all[0]?.model.trim() ?? 'unknown',
    cores: all.length,
    memory: `${Math.round(totalmem() / 2 ** 30)} GiB`,
    virtual: virtualization(),
    kernel: `${type()} ${release()}`,
    node: process.version,
    package: manifest.version,
    date: new Date().toISOString().slice(0, 10),
  }
}

function virtualization() {
  try {
    return execFileSync('systemd-detect-virt', { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim()
  } catch {
    return /^flags.*\bhypervisor\b/m.test(readFileSync('/proc/cpuinfo', 'utf8')) ? 'virtual' : 'none'
  }
}
