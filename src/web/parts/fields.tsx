/** Fields of forms: each with its label above it and, where it helps, a hint below. */

import type { ComponentChildren } from 'preact'
import { useId } from 'preact/hooks'

interface FieldProps {
  readonly label: string
  readonly hint?: string
}

function Labelled(props: FieldProps & { readonly id: string; readonly children: ComponentChildren }) {
  const { label, hint, id, children } = props
  return (
    <div class="field">
      <label for={id}>{label}</label>
      {children}
      {hint !== undefined && (
        <span class="hint" id={`${id}-hint`}>
          {hint}
        </span>
      )}
    </div>
  )
}

export function TextField(
  props: FieldProps & {
    readonly value: string
    readonly onInput: (value: string) => void
    readonly type?: 'text' | 'number' | 'datetime-local'
    readonly required?: boolean
    readonly placeholder?: string
  },
) {
  const id = useId()
  const { label, hint, onInput, type = 'text', value, required = false, placeholder = '' } = props
  const shared = {
    id,
    value,
    required,
    placeholder,
    'aria-describedby': hint === undefined ? undefined : `${id}-hint`,
    onInput: (event: { readonly currentTarget: HTMLInputElement }) => onInput(event.currentTarget.value),
  }
  return (
    <Labelled id={id} label={label} {...(hint === undefined ? {} : { hint })}>
      {type === 'number' ? (
        <input {...shared} type="number" step="any" />
      ) : type === 'datetime-local' ? (
        <input {...shared} type="datetime-local" step="1" />
      ) : (
        <input {...shared} type="text" />
      )}
    </Labelled>
  )
}

export function AreaField(
  props: FieldProps & {
    readonly value: string
    readonly onInput: (value: string) => void
    readonly placeholder?: string
    readonly rows?: number
    readonly required?: boolean
  },
) {
  const id = useId()
  const { label, hint, value, onInput, placeholder = '', rows = 4, required = true } = props
  return (
    <Labelled id={id} label={label} {...(hint === undefined ? {} : { hint })}>
      <textarea
        id={id}
        required={required}
        rows={rows}
        placeholder={placeholder}
        spellcheck={false}
        value={value}
        onInput={(event) => onInput(event.currentTarget.value)}
      />
    </Labelled>
  )
}

export type Options<T extends string> = readonly (readonly [value: T, text: string])[]

export function SelectField<T extends string>(
  props: FieldProps & {
    readonly value: T
    readonly options: Options<T>
    readonly onChange: (value: T) => void
  },
) {
  const id = useId()
  const { label, hint, value, options, onChange } = props
  return (
    <Labelled id={id} label={label} {...(hint === undefined ? {} : { hint })}>
      <select
        id={id}
        value={value}
        onChange={(event) => {
          const chosen = options.find(([one]) => one === event.currentTarget.value)
          if (chosen) onChange(chosen[0])
        }}
      >
        {options.map(([one, text]) => (
          <option key={one} value={one}>
            {text}
          </option>
        ))}
      </select>
    </Labelled>
  )
}

export function CheckField(props: {
  readonly label: string
  readonly checked: boolean
  readonly onChange: (checked: boolean) => void
}) {
  return (
    <label class="check">
      <input
        type="checkbox"
        checked={props.checked}
        onChange={(event) => props.onChange(event.currentTarget.checked)}
      />
      {props.label}
    </label>
  )
}

export type Unit = 'A' | 'W'

const UNITS: Options<Unit> = [
  ['A', 'A per phase'],
  ['W', 'W in all'],
]

export function UnitField(props: { readonly value: Unit; readonly onChange: (unit: Unit) => void }) {
  return <SelectField label="Unit" value={props.value} options={UNITS} onChange={props.onChange} />
}
