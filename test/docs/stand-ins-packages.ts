/** As `stand-ins.ts`, what snippets use of other packages and frameworks, which take longer to load. */
import type { ConnectionOptions, Job, Queue } from 'bullmq'
import express, { type Express, type RequestHandler } from 'express'
import Fastify, { type FastifyInstance } from 'fastify'
import { guard } from 'tripline'
import { dashboard, type Dashboard } from 'tripline/dashboard'
import { protectExpress, type ExpressProtection } from 'tripline/express'
import { prometheusMetrics, type PrometheusMetrics } from 'tripline/prometheus'

export { OTLPMetricExporter } from '@opentelemetry/exporter-metrics-otlp-http'
export { MeterProvider, PeriodicExportingMetricReader } from '@opentelemetry/sdk-metrics'
export { default as PQueue } from 'p-queue'
export { default as promClient } from 'prom-client'

export const handler: RequestHandler = (_, response) => void response.end()
export const expressApp: Express = express()
export const fastifyApp: FastifyInstance = Fastify()
export const web: ExpressProtection = protectExpress({ resources: { memory: 99.9 } })
export const page: Dashboard = dashboard()
export const metrics: PrometheusMetrics = prometheusMetrics({ guards: guard({ memory: 99.9 }) })

// Jobs in Redis, which no test of the manual runs: test/integrations/pages.test.ts does.
export const connection: ConnectionOptions = {}
export declare const queue: Queue
export declare const queued: Job
export const id: string = '1'
