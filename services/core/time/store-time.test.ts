import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { storeLimits } from '../limits/store.ts';
import { HOUR, MINUTE, SECOND } from '../limits/units.ts';
import { nextStoreTime, type StoreTime, startStoreTime } from './store-time.ts';

const START = 1_750_000_000_000;
/** The share of a wait by which slewing may change the wait. */
const SLEW = storeLimits.storeClockSlewShare;

/** What happens to a machine: time passes, somebody sets the wall clock, or the machine sleeps. */
type Happening = { readonly run: number } | { readonly step: number } | { readonly suspend: number };

/** A machine whose clocks a test moves. The store's time is read every `everyMs` that it runs. */
class Machine {
  wall = START;
  monotonic = 0;
  uptime = 500_000;
  state: StoreTime;
  everyMs: number;

  constructor({ lastStored = null, everyMs = 100 }: { lastStored?: number | null; everyMs?: number } = {}) {
    this.everyMs = everyMs;
    this.state = startStoreTime(this, lastStored);
  }

  /** The store's time less the wall clock. */
  get ahead(): number {
    return Math.round(this.state.time - this.wall);
  }

  after(...happenings: readonly Happening[]): this {
    for (const happening of happenings) {
      if ('step' in happening) this.wall += happening.step;
      else if ('suspend' in happening) {
        this.wall += happening.suspend;
        this.uptime += happening.suspend;
      } else this.#run(happening.run);
    }
    return this;
  }

  #run(ms: number): void {
    const end = this.monotonic + ms;
    while (this.monotonic < end) {
      const passed = Math.min(this.everyMs, end - this.monotonic);
      this.monotonic += passed;
      this.wall += passed;
      this.uptime += passed;
      // as the system reports the uptime: in hundredths of a second
      this.state = nextStoreTime(this.state, { ...this, uptime: Math.floor(this.uptime / 10) * 10 });
    }
  }
}

describe('the store’s time', () => {
  it.each<[string, readonly Happening[], number]>([
    ['is the wall clock’s while nothing happens', [{ run: MINUTE }], 0],
    ['slews back after a step back of 10 min', [{ step: -10 * MINUTE }, { run: MINUTE }], 594 * SECOND],
    ['agrees again after ten times the step', [{ step: -10 * MINUTE }, { run: 100 * MINUTE }], 0],
    ['slews back after a step back of 1 h', [{ step: -HOUR }, { run: 5 * HOUR }], HOUR / 2],
    ['slews forward in the first minute of a step', [{ step: HOUR }, { run: 50 * SECOND }], -HOUR + 5_000],
    ['follows a step that has lasted for a minute', [{ step: HOUR }, { run: 61 * SECOND }], 0],
    ['follows a step of 10 min too', [{ step: 10 * MINUTE }, { run: 61 * SECOND }], 0],
    ['slews by a step of less than a second', [{ step: 900 }, { run: 5 * SECOND }], -400],
    [
      'has gained 5 s when a step is taken back after 50 s, and slews back',
      [{ step: HOUR }, { run: 50 * SECOND }, { step: -HOUR }, { run: 40 * SECOND }],
      1_000,
    ],
    [
      'follows only the part of a step that has lasted for a minute',
      [{ step: 10 * MINUTE }, { run: 59 * SECOND }, { step: 50 * MINUTE }, { run: 2 * SECOND }],
      -50 * MINUTE + 90,
    ],
    [
      'does not follow steps that were each corrected within a minute',
      [
        { step: HOUR },
        { run: 40 * SECOND },
        { step: -HOUR },
        { run: SECOND },
        { step: HOUR },
        { run: 40 * SECOND },
      ],
      -HOUR + 7_900,
    ],
    ['follows suspended time at once', [{ suspend: 10 * MINUTE }, { run: 100 }], 0],
    [
      'follows suspended time also while it slews',
      [{ step: -HOUR }, { run: MINUTE }, { suspend: 10 * MINUTE }, { run: 100 }],
      HOUR - 6_010,
    ],
    [
      'waits for a new minute when the machine was suspended during a step',
      [{ step: HOUR }, { run: 50 * SECOND }, { suspend: 10 * MINUTE }, { run: 50 * SECOND }],
      -HOUR + 10_000,
    ],
    ['adds short suspensions up', [{ suspend: SECOND }, { run: 100 }, { suspend: SECOND }, { run: 100 }], 0],
  ])('%s', (_, happenings, ahead) => {
    expect(Math.abs(new Machine().after(...happenings).ahead - ahead)).toBeLessThanOrEqual(20);
  });

  it('starts at the wall clock, or at the last stored time if the wall clock is behind it', () => {
    expect(new Machine().ahead).toBe(0);
    expect(new Machine({ lastStored: START - HOUR }).ahead).toBe(0);
    expect(new Machine({ lastStored: START + HOUR }).ahead).toBe(HOUR);
    expect(new Machine({ lastStored: START + HOUR }).after({ run: HOUR }).ahead).toBe(0.9 * HOUR);
  });

  it('ignores an uptime that falls, and counts suspended time from there on', () => {
    const machine = new Machine().after({ run: SECOND });
    machine.uptime -= 100 * SECOND;
    expect(machine.after({ run: SECOND }).ahead).toBe(0);
    expect(Math.abs(machine.after({ suspend: MINUTE }, { run: 100 }).ahead)).toBeLessThanOrEqual(20);
  });

  it('is the same when the uptime is not read', () => {
    const before = startStoreTime({ wall: START, monotonic: 0, uptime: 0 }, null);
    const after = nextStoreTime(before, { wall: START + 700_000, monotonic: 100, uptime: null });
    expect(after.time).toBe(START + 110);
    expect(after.uptimeLead).toBe(before.uptimeLead);
  });
});

const run = fc.record({ run: fc.integer({ min: 1, max: 10 * MINUTE }) });
const step = fc.record({ step: fc.integer({ min: -2 * HOUR, max: 2 * HOUR }) });
const suspend = fc.record({ suspend: fc.integer({ min: 1, max: 12 * HOUR }) });
const livesOf = (...kinds: readonly fc.Arbitrary<Happening>[]) =>
  fc.tuple(fc.array(fc.oneof(...kinds), { maxLength: 20 }), fc.constantFrom(1_000, 7_000, 90_000));

describe('whatever happens to the clocks of a machine, the store’s time', () => {
  it('never goes back, and never runs slower than nine tenths of the time that passes', () => {
    fc.assert(
      fc.property(livesOf(run, step, suspend), ([happenings, everyMs]) => {
        const machine = new Machine({ everyMs });
        for (const happening of happenings) {
          const { time } = machine.state;
          machine.after(happening);
          const passed = 'run' in happening ? happening.run : 0;
          expect(machine.state.time).toBeGreaterThanOrEqual(time + passed * (1 - SLEW) - 1e-3);
        }
      }),
    );
  });

  it('runs at most a tenth faster within a minute after each step', () => {
    fc.assert(
      fc.property(livesOf(run, step), ([happenings, everyMs]) => {
        const machine = new Machine({ everyMs });
        let steppedAt = Number.NEGATIVE_INFINITY;
        for (const happening of happenings) {
          const { time } = machine.state;
          machine.after(happening);
          if ('step' in happening) steppedAt = machine.monotonic;
          else if ('run' in happening && machine.monotonic - steppedAt < storeLimits.storeClockStepLastsMs)
            expect(machine.state.time).toBeLessThanOrEqual(time + happening.run * (1 + SLEW) + 1e-3);
        }
      }),
    );
  });

  it('is never ahead of the highest time that the wall clock could have shown', () => {
    fc.assert(
      fc.property(livesOf(run, step, suspend), ([happenings, everyMs]) => {
        const machine = new Machine({ everyMs });
        let highestOffset = START;
        for (const happening of happenings) {
          machine.after(happening);
          highestOffset = Math.max(highestOffset, machine.wall - machine.uptime + 500_000);
          // an uptime in hundredths of a second makes each suspension wrong by one of them
          const wrong = 10 * happenings.length;
          expect(machine.state.time).toBeLessThanOrEqual(highestOffset + machine.uptime - 500_000 + wrong);
        }
      }),
    );
  });

  it('agrees with the wall clock after ten times the difference', () => {
    fc.assert(
      fc.property(livesOf(run, step, suspend), ([happenings]) => {
        const machine = new Machine({ everyMs: SECOND }).after(...happenings, { run: 2 * MINUTE });
        machine.everyMs = MINUTE;
        machine.after({ run: Math.ceil(10 * Math.abs(machine.ahead)) + MINUTE });
        expect(Math.abs(machine.ahead)).toBeLessThanOrEqual(1);
      }),
    );
  });
});
