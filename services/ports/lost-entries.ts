// What the start of a program asks of its store if the queue was in the memory of the previous
// process. Only the stores of one process can reply: others do not know what the queue still has.

export interface LostEntries {
  /**
   * Makes the change `entryLost` of the core to every queued delivery, so that each one that had an
   * entry in the queue is in its backlog again. Returns how many deliveries changed. The cost grows
   * with the entries and the held deliveries, not with the backlogs. Rejects with
   * `Failure('unavailable')` as every call to a store; the changes made before stay.
   */
  forgetEntries(): Promise<number>;
}
