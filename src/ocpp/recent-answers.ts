/**
 * A station that missed our answer may repeat its call under the same message id: it gets the same answer again,
 * and the call is not handled twice. Bounded, and only as large as a station with one outstanding call needs.
 */

/** A station waits for an answer before it sends the next call: one would do, were it patient. */
const REMEMBERED = 4

export type Recollection =
  | { readonly kind: 'new' }
  | { readonly kind: 'repeated'; readonly answer: string }
  /** The id was used before for something else. */
  | { readonly kind: 'reused' }

const NEW: Recollection = { kind: 'new' }
const REUSED: Recollection = { kind: 'reused' }

export class RecentAnswers {
  private readonly ids: string[] = []
  private readonly texts: string[] = []
  private readonly answers: string[] = []
  private next = 0

  recall(id: string, text: string): Recollection {
    const at = this.ids.indexOf(id)
    if (at < 0) return NEW
    return this.texts[at] === text ? { kind: 'repeated', answer: this.answers[at] ?? '' } : REUSED
  }

  remember(id: string, text: string, answer: string): void {
    this.ids[this.next] = id
    this.texts[this.next] = text
    this.answers[this.next] = answer
    this.next = (this.next + 1) % REMEMBERED
  }
}
