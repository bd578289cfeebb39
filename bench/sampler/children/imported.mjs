// Imports the package, and prints the CPU time so far in milliseconds and whether the import has loaded the addon.
import { readFileSync } from 'node:fs'
import * as tripline from '../../../dist/index.js'

const { user, system } = process.cpuUsage()
const addon = readFileSync('/proc/self/maps', 'utf8').includes('tripline.node')
console.log(JSON.stringify({ cpu: (user + system) / 1000, addon, exports: Object.keys(tripline).length }))
