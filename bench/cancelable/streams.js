// The cost per item of a stream, compared with a bare async generator.
import { Cancelable } from '../../dist/index.js'
import { report, time } from './harness.js'

async function* numbers(count) {
  for (let i = 0; i < count; i++) yield i
}

async function bare(count) {
  let sum = 0
  for await (const item of numbers(count)) sum += item
  return sum
}

async function* pass(source) {
  for await (const item of source) yield item
}

async function passThrough(count) {
  let sum = 0
  for await (const item of pass(numbers(count))) sum += item
  return sum
}

async function checkOnly(count) {
  let sum = 0
  const operation = new Cancelable().enter()
  for await (const item of operation.stream(numbers(count), { interruptible: false })) sum += item
  operation[Symbol.dispose]()
  return sum
}

async function interruptible(count) {
  let sum = 0
  const operation = new Cancelable().enter()
  for await (const item of operation.stream(numbers(count))) sum += item
  operation[Symbol.dispose]()
  return sum
}

async function keepAndReport(count) {
  let sum = 0
  const operation = new Cancelable().enter()
  for await (const item of operation.stream(numbers(count), { keep: 100, reportEvery: 1000 })) sum += item
  operation[Symbol.dispose]()
  return sum
}

report(await time({ bare, checkOnly, interruptible, keepAndReport, passThrough }))
