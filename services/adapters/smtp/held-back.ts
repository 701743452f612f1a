// The fence of R6 on the stream: the end of a body is held back until it may be sent.

/** What happens on the way. */
export interface Passage {
  /** A chunk is taken: the other end is reading. */
  passing(): void;
  /** All but the end has been taken. Resolves when the end may follow; rejects to end the stream without it. */
  release(): Promise<void>;
}

/** Passes `body` on but for its last `bytes`, which follow when `release` has resolved. */
export async function* heldBack(body: AsyncIterable<Uint8Array>, bytes: number, passage: Passage): AsyncGenerator<Uint8Array, void, void> {
  let held: Uint8Array = Buffer.alloc(0);
  for await (const chunk of body) {
    passage.passing();
    const joined = held.length === 0 ? chunk : Buffer.concat([held, chunk]);
    const passed = Math.max(0, joined.length - bytes);
    // A stream of bytes takes an empty chunk for a pause.
    if (passed > 0) yield joined.subarray(0, passed);
    held = joined.subarray(passed);
  }
  await passage.release();
  if (held.length > 0) yield held;
}
