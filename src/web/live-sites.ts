/** The latest decision of the sites that are on the screen. */

import { useEffect } from 'preact/hooks'
import { read } from './api.ts'
import { onLive } from './live.ts'
import { createSignal, useSignal } from './signal.ts'
import type { SiteStatus } from './site-facts.ts'
import { remember } from './site-history.ts'

/** A site decides every second or so; people do not read faster. */
const READ_GAP_MS = 1_000
/** More sites than this are shown as they were when the screen was opened. */
const MOST_SITES = 20

const statuses = createSignal<ReadonlyMap<string, SiteStatus>>(new Map())

/** Follows the sites while the component is shown. */
export function useSiteStatuses(siteIds: readonly string[]): ReadonlyMap<string, SiteStatus> {
  const followed = siteIds.slice(0, MOST_SITES)
  const key = followed.join('\n')
  useEffect(() => {
    const stops = key === '' ? [] : key.split('\n').map(follow)
    return () => {
      for (const stop of stops) stop()
    }
  }, [key])
  return useSignal(statuses)
}

export function useSiteStatus(siteId: string): SiteStatus | undefined {
  return useSiteStatuses([siteId]).get(siteId)
}

/** One read at a time, begun no sooner than the gap after the one before; none while nobody looks. */
function follow(siteId: string): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined
  let readMs = Number.NEGATIVE_INFINITY
  let wanted = true

  async function refresh(): Promise<void> {
    readMs = Date.now()
    const status = await read('/sites/{siteId}/status', { path: { siteId } }).catch(() => undefined)
    timer = undefined
    if (!wanted || !status || status.nodes.length === 0) return
    remember(status)
    statuses.set(new Map(statuses.get()).set(siteId, status))
  }

  const stop = onLive((event) => {
    if (event.kind !== 'site.updated' || event.siteId !== siteId || timer !== undefined || document.hidden)
      return
    timer = setTimeout(() => void refresh(), Math.max(0, readMs + READ_GAP_MS - Date.now()))
  })
  return () => {
    wanted = false
    stop()
    clearTimeout(timer)
  }
}
