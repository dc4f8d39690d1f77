/** Which screen an address shows. All but the first are loaded when they are opened. */

import type { ComponentType } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import { ApiError } from './api.ts'
import { Empty, Failure, Heading } from './parts/basics.tsx'
import { route } from './router.ts'
import { Overview } from './screens/overview.tsx'
import { useSignal } from './signal.ts'

interface Opened {
  readonly view: ComponentType<{ readonly parts: readonly string[] }>
}

const screens: Readonly<Record<string, () => Promise<Opened>>> = {
  sites: () => import('./screens/sites.tsx'),
  sessions: () => import('./screens/sessions.tsx'),
  stations: () => import('./screens/stations.tsx'),
  campaigns: () => import('./screens/campaigns.tsx'),
  trust: () => import('./screens/trust.tsx'),
  keys: () => import('./screens/keys.tsx'),
  messages: () => import('./screens/messages.tsx'),
  certificates: () => import('./screens/certificates.tsx'),
  authorities: () => import('./screens/authorities.tsx'),
  issuance: () => import('./screens/issuance.tsx'),
  contracts: () => import('./screens/contracts.tsx'),
  audit: () => import('./screens/audit.tsx'),
  events: () => import('./screens/events.tsx'),
}

export function Screen() {
  const { parts } = useSignal(route)
  const [name = '', ...rest] = parts
  if (name === '') return <Overview />
  const open = screens[name]
  if (!open) return <Unknown />
  return <Lazy key={name} open={open} parts={rest} />
}

function Lazy({ open, parts }: { readonly open: () => Promise<Opened>; readonly parts: readonly string[] }) {
  const [opened, setOpened] = useState<Opened>()
  const [failed, setFailed] = useState(false)
  useEffect(() => {
    open().then(setOpened, () => setFailed(true))
  }, [open])
  if (failed)
    return (
      <Failure
        error={
          new ApiError(0, { detail: 'This screen cannot be loaded. The service may have been updated.' })
        }
        retry={() => location.reload()}
      />
    )
  if (!opened) return <Empty>Loading</Empty>
  const View = opened.view
  return <View parts={parts} />
}

function Unknown() {
  return (
    <div class="screen">
      <Heading title="There is no such screen" />
      <p>
        Go to the <a href="#/">overview</a>.
      </p>
    </div>
  )
}
