import type { DomainEvent, EventHub } from './ports.ts'

/** In-process event hub: synchronous, in order, and deaf to failing listeners. */
export function createEventHub(onListenerError: (error: unknown, event: DomainEvent) => void): EventHub {
  const listeners = new Set<(event: DomainEvent) => void>()
  return {
    publish(event) {
      for (const listener of [...listeners]) {
        try {
          listener(event)
        } catch (error) {
          onListenerError(error, event)
        }
      }
    },
    subscribe(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
  }
}
