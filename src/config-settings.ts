/** What follows from the schema: the type of the configuration, and each setting with its path and variable. */

import { configSchema } from './config-schema.ts'

type Basic<T> = T extends 'string'
  ? string
  : T extends 'integer' | 'number'
    ? number
    : T extends 'boolean'
      ? boolean
      : T extends 'null'
        ? null
        : never

type FromSchema<S> = S extends { readonly properties: infer P }
  ? { readonly [K in keyof P]: FromSchema<P[K]> }
  : S extends { readonly enum: readonly (infer E)[] }
    ? E
    : S extends { readonly type: 'array'; readonly items: infer I }
      ? readonly FromSchema<I>[]
      : S extends { readonly type: readonly (infer T)[] }
        ? Basic<T>
        : S extends { readonly type: infer T }
          ? Basic<T>
          : never

/** The whole configuration: every setting has a value. */
export type Config = FromSchema<typeof configSchema>

export interface Setting {
  /** E.g. `ocpp.wss.port`. */
  readonly path: string
  /** E.g. `GRIDKEEP_OCPP_WSS_PORT`. */
  readonly env: string
  readonly schema: SettingSchema
}

export interface SettingSchema {
  readonly type: string | readonly string[]
  readonly description: string
  readonly default: unknown
  readonly enum?: readonly string[]
  readonly minimum?: number
  readonly maximum?: number
}

export interface Section {
  readonly path: string
  readonly description: string
}

interface SchemaNode {
  readonly type: string | readonly string[]
  readonly description?: string
  readonly properties?: Readonly<Record<string, SchemaNode>>
  readonly default?: unknown
}

/** Every setting and every section, in the order of the schema. */
export function describeConfig(): {
  readonly settings: readonly Setting[]
  readonly sections: readonly Section[]
} {
  const settings: Setting[] = []
  const sections: Section[] = []
  const visit = (node: SchemaNode, path: string) => {
    const { description = '', properties } = node
    if (!properties) {
      settings.push({ path, env: envName(path), schema: { ...node, description, default: node.default } })
      return
    }
    if (path !== '') sections.push({ path, description })
    for (const [name, child] of Object.entries(properties))
      visit(child, path === '' ? name : `${path}.${name}`)
  }
  visit(configSchema, '')
  return { settings, sections }
}

/** `ocpp.wss.certFile` -> `GRIDKEEP_OCPP_WSS_CERT_FILE`. */
export function envName(path: string): string {
  const words = path.replaceAll('.', '_').replaceAll(/([a-z])([A-Z])/g, '$1_$2')
  return `GRIDKEEP_${words.toUpperCase()}`
}
