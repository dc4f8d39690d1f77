/** A form made from a JSON schema. */

import { useId } from 'preact/hooks'
import { emptyValue, helpText, type Json, type JsonObject, type JsonSchema, resolve } from '../json-schema.ts'

interface PartProps {
  readonly name: string
  readonly schema: JsonSchema
  readonly root: JsonSchema
  readonly value: Json
  readonly required: boolean
  onChange(value: Json): void
}

export function SchemaForm(props: {
  readonly schema: JsonSchema
  readonly value: JsonObject
  onChange(value: JsonObject): void
}) {
  return (
    <Properties schema={props.schema} root={props.schema} value={props.value} onChange={props.onChange} />
  )
}

interface PropertiesProps {
  readonly schema: JsonSchema
  readonly root: JsonSchema
  readonly value: JsonObject
  onChange(value: JsonObject): void
}

function Properties({ schema, root, value, onChange }: PropertiesProps) {
  const { properties = {}, required = [] } = schema
  const names = Object.keys(properties).filter((name) => name !== 'customData')
  const present = names.filter((name) => name in value)
  const absent = names.filter((name) => !(name in value))
  const order = [...present].sort((a, b) => Number(required.includes(b)) - Number(required.includes(a)))
  if (names.length === 0) return <p class="soft">This call has no parameters.</p>
  return (
    <div class="form-tree">
      {order.map((name) => (
        <Part
          key={name}
          name={name}
          schema={properties[name] ?? {}}
          root={root}
          value={value[name] ?? null}
          required={required.includes(name)}
          onChange={(changed) =>
            onChange(changed === null ? without(value, name) : { ...value, [name]: changed })
          }
        />
      ))}
      {absent.length > 0 && (
        <div class="row small">
          <span class="soft">Add</span>
          {absent.map((name) => (
            <button
              key={name}
              type="button"
              class="link"
              onClick={() => onChange({ ...value, [name]: emptyValue(properties[name] ?? {}, root) })}
            >
              {name}
            </button>
          ))}
        </div>
      )}
    </div>
  )
}

/** `null` asks for the removal of the part: OCPP 2.0.1 knows no null. */
function Part({ name, schema, root, value, required, onChange }: PartProps) {
  const resolved = resolve(schema, root)
  const remove = required ? undefined : () => onChange(null)
  if (resolved.type === 'object')
    return (
      <fieldset>
        <Legend name={name} remove={remove} />
        <Properties schema={resolved} root={root} value={isObject(value) ? value : {}} onChange={onChange} />
      </fieldset>
    )
  if (resolved.type === 'array')
    return (
      <Items
        name={name}
        schema={resolved}
        root={root}
        value={Array.isArray(value) ? value : []}
        onChange={onChange}
        remove={remove}
      />
    )
  return (
    <Leaf
      name={name}
      schema={resolved}
      value={value}
      onChange={onChange}
      remove={remove}
      required={required}
    />
  )
}

interface ItemsProps {
  readonly name: string
  readonly schema: JsonSchema
  readonly root: JsonSchema
  readonly value: Json[]
  readonly remove: (() => void) | undefined
  onChange(value: Json): void
}

function Items({ name, schema, root, value, remove, onChange }: ItemsProps) {
  const items = schema.items ?? {}
  const { minItems = 0, maxItems = 1000 } = schema
  return (
    <fieldset>
      <Legend name={name} remove={remove} />
      <div class="form-tree">
        {numbered(name, value).map(({ item, index, title }) => (
          <Part
            key={title}
            name={title}
            schema={items}
            root={root}
            value={item}
            required={value.length <= minItems}
            onChange={(changed) =>
              onChange(
                changed === null
                  ? value.filter((_, at) => at !== index)
                  : value.map((one, at) => (at === index ? changed : one)),
              )
            }
          />
        ))}
        {value.length < maxItems && (
          <div>
            <button
              type="button"
              class="link small"
              onClick={() => onChange([...value, emptyValue(items, root)])}
            >
              Add to {name}
            </button>
          </div>
        )}
      </div>
    </fieldset>
  )
}

function Legend({ name, remove }: { readonly name: string; readonly remove: (() => void) | undefined }) {
  return (
    <legend class="row">
      {name}
      {remove && (
        <button type="button" class="link small" onClick={remove}>
          Remove<span class="hidden-visually"> {name}</span>
        </button>
      )}
    </legend>
  )
}

interface LeafProps {
  readonly name: string
  readonly schema: JsonSchema
  readonly value: Json
  readonly required: boolean
  readonly remove: (() => void) | undefined
  onChange(value: Json): void
}

function Leaf({ name, schema, value, required, remove, onChange }: LeafProps) {
  const id = useId()
  const help = helpText(schema)
  return (
    <div class="field">
      <span class="row">
        <label class="label" for={id}>
          {name}
        </label>
        {remove && (
          <button type="button" class="link small" onClick={remove}>
            Remove<span class="hidden-visually"> {name}</span>
          </button>
        )}
      </span>
      <Input id={id} schema={schema} value={value} required={required} onChange={onChange} />
      {help !== '' && <span class="hint">{help}</span>}
    </div>
  )
}

interface InputProps {
  readonly id: string
  readonly schema: JsonSchema
  readonly value: Json
  readonly required: boolean
  onChange(value: Json): void
}

function Input({ id, schema, value, required, onChange }: InputProps) {
  if (schema.enum)
    return (
      <select id={id} value={String(value)} onChange={(event) => onChange(event.currentTarget.value)}>
        {schema.enum.map((one) => (
          <option key={one} value={one}>
            {one}
          </option>
        ))}
      </select>
    )
  if (schema.type === 'boolean')
    return (
      <input
        id={id}
        type="checkbox"
        checked={value === true}
        onChange={(event) => onChange(event.currentTarget.checked)}
      />
    )
  if (schema.type === 'integer' || schema.type === 'number')
    return (
      <input
        id={id}
        type="number"
        step={schema.type === 'integer' ? 1 : 'any'}
        min={schema.minimum}
        max={schema.maximum}
        value={String(value)}
        onInput={(event) => onChange(Number(event.currentTarget.value))}
      />
    )
  if ((schema.maxLength ?? 0) > 500)
    return (
      <textarea
        id={id}
        rows={5}
        value={String(value)}
        maxLength={schema.maxLength}
        required={required}
        onInput={(event) => onChange(event.currentTarget.value)}
      />
    )
  return (
    <input
      id={id}
      type="text"
      value={String(value)}
      maxLength={schema.maxLength}
      required={required}
      placeholder={schema.format === 'date-time' ? '2026-03-01T20:00:00Z' : ''}
      onInput={(event) => onChange(event.currentTarget.value)}
    />
  )
}

function isObject(value: Json): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function without(value: JsonObject, name: string): JsonObject {
  return Object.fromEntries(Object.entries(value).filter(([key]) => key !== name))
}

/** Entries have no identity but their place. */
function numbered(name: string, items: readonly Json[]): { item: Json; index: number; title: string }[] {
  return items.map((item, index) => ({ item, index, title: `${name} ${index + 1}` }))
}
