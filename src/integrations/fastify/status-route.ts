/** The status route of `@fastify/under-pressure`. */
import type { FastifyInstance, FastifyReply } from 'fastify'
import type { StatusRoute, UnderPressureSettings } from './under-pressure-options.js'

/** Sets the status and the header of a refusal, and returns its error, which is always the same one. */
export type Refuse = (reply: FastifyReply) => Error

interface Responses {
  readonly 200?: { readonly properties?: object }
  readonly [status: string]: object | undefined
}

const STRING = { type: 'string' }
const NUMBER = { type: 'number' }

export function addStatusRoute(
  app: FastifyInstance,
  { url, routeOpts, routeSchemaOpts, routeResponseSchemaOpts }: StatusRoute & { readonly url: string },
  { healthCheck }: UnderPressureSettings,
  refuse: Refuse,
): void {
  const { response = {}, ...schema } = (routeSchemaOpts ?? {}) as { readonly response?: Responses }
  const { 200: ok = {}, ...others } = response
  const responses: Responses = {
    200: {
      type: 'object',
      description: 'Health Check Succeeded',
      example: { status: 'ok' },
      ...ok,
      // The status is in every answer, whatever else is.
      properties: { status: STRING, ...routeResponseSchemaOpts, ...ok.properties },
    } as { readonly properties: object },
    500: {
      type: 'object',
      description: 'Error Performing Health Check',
      properties: { message: STRING, statusCode: NUMBER },
    },
    503: {
      type: 'object',
      description: 'Health Check Failed',
      properties: { code: STRING, error: STRING, message: STRING, statusCode: NUMBER },
    },
    ...others,
  }
  app.route({
    ...routeOpts,
    url,
    method: 'GET',
    schema: { ...schema, response: responses },
    handler: async (request, reply) => {
      if (healthCheck === undefined) return { status: 'ok' }
      let result: Record<string, unknown> | boolean
      try {
        result = await healthCheck(app)
      } catch (error) {
        request.log.error({ err: error }, 'the health check failed')
        throw refuse(reply)
      }
      if (!result) {
        request.log.error('the service is not healthy')
        throw refuse(reply)
      }
      return { status: 'ok', ...(typeof result === 'object' ? result : {}) }
    },
  })
}
