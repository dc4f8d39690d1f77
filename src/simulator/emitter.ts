/** Typed observers. A listener that throws is the observer's fault and must not stop the station. */
export interface Emitter<Events extends object> {
  on<Name extends keyof Events>(name: Name, listener: (event: Events[Name]) => void): () => void
  emit<Name extends keyof Events>(name: Name, event: Events[Name]): void
}

type Listeners<Events extends object> = { [Name in keyof Events]?: Set<(event: Events[Name]) => void> }

export function createEmitter<Events extends object>(
  onListenerError: (error: unknown) => void = (error) =>
    queueMicrotask(() => {
      throw error
    }),
): Emitter<Events> {
  // Created on the first listener: an idle station that nobody watches costs nothing here.
  let listeners: Listeners<Events> | undefined
  return {
    on: (name, listener) => {
      listeners ??= {}
      const set = listeners[name] ?? new Set()
      listeners[name] = set
      set.add(listener)
      return () => set.delete(listener)
    },
    emit: (name, event) => {
      for (const listener of listeners?.[name] ?? []) {
        try {
          listener(event)
        } catch (error) {
          onListenerError(error)
        }
      }
    },
  }
}
