/** Small parts that every screen uses. */

import type { ComponentChildren } from 'preact'
import { useEffect, useRef } from 'preact/hooks'
import type { ApiError } from '../api.ts'
import type { Loaded } from '../data.ts'
import type { Tone } from '../tone.ts'
import { Icon } from './icons.tsx'

export function Badge({ tone, children }: { readonly tone: Tone; readonly children: ComponentChildren }) {
  return (
    <span class={`badge ${tone}`}>
      <Icon name={tone} bold />
      {children}
    </span>
  )
}

export function Panel(props: {
  readonly title?: string
  readonly aside?: ComponentChildren
  readonly flush?: boolean
  readonly children: ComponentChildren
}) {
  const { title, aside, flush = false, children } = props
  return (
    <section class="panel">
      {title !== undefined && (
        <div class="panel-head">
          <h2>{title}</h2>
          {aside !== undefined && <div class="soft small">{aside}</div>}
        </div>
      )}
      <div class={flush ? 'panel-body flush' : 'panel-body'}>{children}</div>
    </section>
  )
}

export function Facts({ items }: { readonly items: readonly (readonly [string, ComponentChildren])[] }) {
  return (
    <dl class="facts">
      {items.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value === null || value === '' ? <span class="soft">none</span> : value}</dd>
        </div>
      ))}
    </dl>
  )
}

export function Failure({ error, retry }: { readonly error: ApiError; readonly retry?: () => void }) {
  return (
    <div class="notice bad" role="alert">
      <div>
        {error.message}
        {error.issues.length > 0 && (
          <ul>
            {error.issues.map((issue) => (
              <li key={issue.path + issue.message} class="small">
                <code>{issue.path}</code> {issue.message}
              </li>
            ))}
          </ul>
        )}
        {error.ocppError && (
          <p class="small">
            The station answered {error.ocppError.code} {error.ocppError.description}
          </p>
        )}
      </div>
      {retry && (
        <button type="button" onClick={retry}>
          Try again
        </button>
      )}
    </div>
  )
}

/** What was loaded; until then that it is loading, and where it failed why. */
export function When<T>({
  loaded,
  children,
}: {
  readonly loaded: Loaded<T>
  readonly children: (data: T) => ComponentChildren
}) {
  const { data, error, reload } = loaded
  return (
    <>
      {error && <Failure error={error} retry={reload} />}
      {data !== undefined ? children(data) : error === undefined && <p class="empty">Loading</p>}
    </>
  )
}

export function Empty({ children }: { readonly children: ComponentChildren }) {
  return <p class="empty">{children}</p>
}

/** The name of the screen. It takes the focus when the screen is opened, so that a screen reader says where one is. */
export function Heading(props: {
  readonly title: string
  readonly crumbs?: ComponentChildren
  readonly note?: ComponentChildren
  readonly children?: ComponentChildren
}) {
  const { title, crumbs, note, children } = props
  const heading = useRef<HTMLHeadingElement>(null)
  useEffect(() => {
    document.title = `${title} · Gridkeep`
    heading.current?.focus({ preventScroll: true })
  }, [title])
  return (
    <header class="head">
      <div>
        {crumbs !== undefined && <p class="crumbs soft">{crumbs}</p>}
        <h1 tabIndex={-1} ref={heading}>
          {title}
        </h1>
        {note !== undefined && <p class="soft">{note}</p>}
      </div>
      {children !== undefined && <div class="row">{children}</div>}
    </header>
  )
}

export function Tabs({
  items,
  current,
}: {
  readonly items: readonly { id: string; name: string; href: string }[]
  readonly current: string
}) {
  return (
    <nav class="tabs" aria-label="Parts of this screen">
      {items.map(({ id, name, href }) => (
        <a key={id} href={href} aria-current={id === current ? 'page' : undefined}>
          {name}
        </a>
      ))}
    </nav>
  )
}

/** A table that may be wider than a phone: it scrolls inside its panel. */
export function Scroll({
  label,
  children,
}: {
  readonly label: string
  readonly children: ComponentChildren
}) {
  return (
    <section class="scroll" aria-label={label}>
      {children}
    </section>
  )
}
