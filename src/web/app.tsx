/** The frame around the screens: who is signed in, where one can go, whether what is shown is live. */

import { useEffect, useState } from 'preact/hooks'
import icon from './icon.svg'
import { connection } from './live.ts'
import { Badge } from './parts/basics.tsx'
import { Icon, type IconName } from './parts/icons.tsx'
import { Toasts } from './parts/toasts.tsx'
import { href, route } from './router.ts'
import { SignIn } from './screens/sign-in.tsx'
import { Screen } from './screens.tsx'
import { useSignal } from './signal.ts'
import { leave, resume, self } from './signed-in.ts'
import { switchTheme, theme } from './theme.ts'

interface Place {
  readonly path: string
  readonly name: string
  readonly icon: IconName
}

const PLACES: readonly { readonly name: string; readonly places: readonly Place[] }[] = [
  { name: '', places: [{ path: '', name: 'Overview', icon: 'overview' }] },
  {
    name: 'Energy',
    places: [
      { path: 'sites', name: 'Sites', icon: 'energy' },
      { path: 'sessions', name: 'Sessions', icon: 'sessions' },
    ],
  },
  {
    name: 'Fleet',
    places: [
      { path: 'stations', name: 'Stations', icon: 'stations' },
      { path: 'campaigns', name: 'Campaigns', icon: 'campaigns' },
      { path: 'messages', name: 'OCPP messages', icon: 'messages' },
    ],
  },
  {
    name: 'Trust',
    places: [
      { path: 'certificates', name: 'Certificates', icon: 'certificates' },
      { path: 'trust', name: 'Trust anchors', icon: 'trust' },
      { path: 'authorities', name: 'Authorities', icon: 'authorities' },
      { path: 'issuance', name: 'Issuance', icon: 'orders' },
      { path: 'contracts', name: 'Contracts', icon: 'contracts' },
    ],
  },
  {
    name: 'Record',
    places: [
      { path: 'audit', name: 'Audit trail', icon: 'audit' },
      { path: 'events', name: 'Events', icon: 'events' },
      { path: 'keys', name: 'API keys', icon: 'keys' },
    ],
  },
]

export function App() {
  const who = useSignal(self)
  useEffect(() => void resume(), [])
  if (who === undefined) return <p class="empty">Loading</p>
  if (who === null) return <SignIn />
  return (
    <>
      <button type="button" class="skip" onClick={() => document.getElementById('main')?.focus()}>
        Skip to the content
      </button>
      <div class="shell">
        <Side />
        <main class="main" id="main" tabIndex={-1}>
          <Screen />
        </main>
      </div>
      <Toasts />
    </>
  )
}

function Side() {
  const [open, setOpen] = useState(false)
  const { parts } = useSignal(route)
  useEffect(() => setOpen(false), [parts])
  return (
    <header class={open ? 'side open' : 'side'}>
      <div class="side-top">
        <a class="brand" href={href([])}>
          <img src={icon} alt="" />
          Gridkeep
        </a>
        <button type="button" class="plain menu-button" aria-expanded={open} onClick={() => setOpen(!open)}>
          Menu
        </button>
      </div>
      <nav class="nav" aria-label="Screens">
        {PLACES.map(({ name, places }) => (
          <div key={name}>
            {name !== '' && <h2>{name}</h2>}
            <ul>
              {places.map((place) => (
                <li key={place.path}>
                  <a
                    href={href(place.path === '' ? [] : [place.path])}
                    aria-current={(parts[0] ?? '') === place.path ? 'page' : undefined}
                  >
                    <Icon name={place.icon} />
                    {place.name}
                  </a>
                </li>
              ))}
            </ul>
          </div>
        ))}
      </nav>
      <Foot />
    </header>
  )
}

function Foot() {
  const who = useSignal(self)
  const state = useSignal(connection)
  const shown = useSignal(theme)
  return (
    <div class="side-foot">
      <div class="row" role="status">
        {state === 'live' ? (
          <Badge tone="ok">Live</Badge>
        ) : state === 'lost' ? (
          <Badge tone="bad">Connection lost</Badge>
        ) : (
          <Badge tone="none">Connecting</Badge>
        )}
      </div>
      <div>
        {who?.name}
        <div class="soft small">{who?.role}</div>
      </div>
      <div class="row">
        <button type="button" class="link" onClick={() => void leave()}>
          Sign out
        </button>
        <button type="button" class="link" onClick={switchTheme}>
          {shown === 'dark' ? 'Light' : 'Dark'}
        </button>
      </div>
    </div>
  )
}
