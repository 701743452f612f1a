// A model of one delivery, checked by visiting every reachable state.
//
// Two dispatchers, any number of sweepers (their steps are atomic, so one stands for all), a queue
// that may lose, repeat and reorder, a client that cancels, an SMTP server that may drop the
// connection before or after it took the mail. A dispatcher may crash at any step, or freeze: every
// step may be delayed for ever while the others go on, which is what a frozen process looks like. A
// lease may lapse at any time.
//
// What it checks: see `invariants` and `stuck`. Each rule that the promises of docs/promises.md
// rest on is a guard with a name; leaving one out (`node delivery.mjs mutants`) must break
// something. The names are those of the rules in docs/promises.md.

const ATTEMPTS = 2; // counted transient failures before `bounced` (6 in the product)
const LAPSES = 3; // lapsed leases before `dead` (5 in the product)

const terminal = (s) => ['delivered', 'bounced', 'cancelled', 'unknown', 'dead'].includes(s);

const start = (policy) => ({
  policy,
  // the document in the store; only compare-and-set steps below change it
  state: 'queued', // queued | sending | deferred | terminal states
  phase: null, // streaming | committing, while sending
  attempt: 1,
  lease: 0, // 0: none, 1: held by the dispatcher whose `claim` is 1; claims that lost it are -1 and never match again
  lapses: 0,
  maybeSent: false, // it was once requeued out of `committing`
  cancelWanted: false,
  // the queue: entries name an attempt; held ones wait for their ack
  queue: [1],
  // the dispatchers: where each stands, with the claim and the attempt that it works on
  d: [{ at: 'idle' }, { at: 'idle' }],
  // the outside world
  copies: 0, // how many times the SMTP server took the mail
  cancelled200: false, // a client was told that nothing will be sent from now on
  faults: 0, // faults between the record `committing` and the record of the outcome
});

const clone = (s) => ({ ...s, queue: [...s.queue], d: s.d.map((d) => ({ ...d })) });

/**
 * Renames leases so that equal situations are equal states, and stops counting where more changes
 * nothing.
 */
function tidy(s) {
  for (const d of s.d) if (d.claim !== undefined) d.claim = s.lease !== 0 && d.claim === s.lease ? 1 : -1;
  if (s.lease) s.lease = 1;
  s.copies = Math.min(s.copies, 3);
  s.faults = Math.min(s.faults, 1);
  s.queue.sort();
  return s;
}

/**
 * Every step that can be taken from s: [name, next state, whether it is a fault that may also never
 * happen].
 */
function steps(s, without) {
  const out = [];
  const has = (rule) => !without.has(rule);
  const step = (name, change, fault = false) => {
    const n = clone(s);
    if (change(n) !== false) out.push([name, tidy(n), fault]);
  };

  // queue
  if (s.queue.length > 0) step('queue loses all', (n) => void n.queue.splice(0), true);
  s.queue.forEach((attempt, i) => {
    s.d.forEach((d, k) => {
      if (d.at === 'idle')
        step(`d${k} takes entry`, (n) => {
          n.queue.splice(i, 1); // ack wait over = the sweeper or the server puts it back: see below
          n.d[k] = { at: 'taken', attempt };
        });
    });
  });

  s.d.forEach((d, k) => {
    const mine = (n) => n.state === 'sending' && n.lease !== 0 && n.lease === d.claim;
    const to = (n, at, more = {}) => void Object.assign(n.d[k], { at }, more);
    const idle = (n) => void n.d.splice(k, 1, { at: 'idle' });
    if (d.at !== 'idle')
      step(
        `d${k} crashes`,
        (n) => {
          if (['committed', 'answered'].includes(d.at)) n.faults++;
          n.d[k] = { at: 'idle' };
        },
        true,
      );

    if (d.at === 'taken') {
      if (!has('ack late')) {
        /* the entry was acked on receipt: nothing returns it; the sweeper still may */
      } else
        step(`d${k} redelivery`, (n) => (n.queue.length < 2 ? void n.queue.push(d.attempt) : false), true);
      step(`d${k} claims`, (n) => {
        const may = has('claim') ? n.state === 'queued' && n.attempt === d.attempt : !terminal(n.state);
        if (!may) return idle(n);
        n.state = 'sending';
        n.phase = 'streaming';
        n.lease = 2; // new: matches no other claim
        to(n, 'streaming', { claim: 2 });
      });
    }
    if (d.at === 'streaming') {
      step(
        `d${k} releases (local fault, budget, shutdown)`,
        (n) => {
          if (mine(n)) {
            n.state = 'queued';
            n.phase = null;
            n.lease = 0;
          }
          n.d[k] = { at: 'idle' };
        },
        true,
      );
      step(
        `d${k} refused before the end`,
        (n) => {
          if (mine(n)) defer(n);
          n.d[k] = { at: 'idle' };
        },
        true,
      );
      step(
        `d${k} refused before the end, for what is ours`,
        (n) => {
          if (mine(n)) defer(n, 0);
          n.d[k] = { at: 'idle' };
        },
        true,
      );
      step(`d${k} records committing`, (n) => {
        if (has('fence') && !(mine(n) && n.phase === 'streaming')) return idle(n); // closes without a dot
        if (mine(n)) n.phase = 'committing';
        to(n, 'committed');
      });
    }
    if (d.at === 'committed') {
      // the final dot; it can be late by any amount
      step(`d${k} dot: 250`, (n) => {
        took(n);
        to(n, 'answered', { answer: 'delivered' });
      });
      step(
        `d${k} dot: 250 lost`,
        (n) => {
          took(n);
          n.faults++;
          to(n, 'answered', { answer: 'lost' });
        },
        true,
      );
      step(
        `d${k} dot: dropped, not taken`,
        (n) => {
          n.faults++;
          to(n, 'answered', { answer: 'lost' });
        },
        true,
      );
      step(`d${k} dot: 4xx`, (n) => to(n, 'answered', { answer: 'deferred' }), true);
      step(`d${k} dot: 4xx for what is ours`, (n) => to(n, 'answered', { answer: 'throttled' }), true);
      step(`d${k} dot: 5xx`, (n) => to(n, 'answered', { answer: 'bounced' }), true);
    }
    if (d.at === 'answered') {
      step(`d${k} records ${d.answer}`, (n) => {
        if (mine(n) || !has('record by lease')) {
          if (d.answer === 'delivered') end(n, 'delivered');
          else if (d.answer === 'bounced') end(n, 'bounced');
          else if (d.answer === 'deferred') defer(n);
          else if (d.answer === 'throttled') defer(n, 0);
          else if (n.policy === 'at_most_once' && has('lost answer is unknown')) end(n, 'unknown');
          else {
            n.maybeSent = true;
            defer(n);
          }
        } else if (d.answer === 'delivered' && has('late 250') && ['queued', 'deferred'].includes(n.state)) {
          end(n, 'delivered'); // the lease was lost, but nobody is sending now: spares a second copy
        }
        n.d[k] = { at: 'idle' };
      });
    }
  });

  function took(n) {
    n.copies++;
  }
  function end(n, state) {
    n.state = state;
    n.phase = null;
    n.lease = 0;
  }
  function defer(n, spent = 1) {
    n.phase = null;
    n.lease = 0;
    if (n.cancelWanted && !(n.maybeSent && has('maybe sent is not cancelled'))) return end(n, 'cancelled');
    if (n.attempt + spent > ATTEMPTS) return end(n, n.maybeSent ? 'unknown' : 'bounced');
    n.attempt += spent;
    n.state = 'deferred';
  }

  // sweeper
  if (has('sweeper')) {
    if (s.state === 'queued' && s.queue.length < 2)
      step('sweeper publishes again', (n) => void n.queue.push(n.attempt));
    if (s.state === 'deferred')
      step('sweeper: due', (n) => {
        n.state = 'queued';
        if (n.queue.length < 2) n.queue.push(n.attempt);
      });
    if (s.state === 'deferred')
      step('sweeper: too old', (n) => end(n, n.maybeSent ? 'unknown' : 'bounced'), true);
    if (s.state === 'sending')
      step('sweeper: lease over', (n) => {
        const committing = n.phase === 'committing';
        const inFlight = n.d.some((d) => ['committed', 'answered'].includes(d.at) && d.claim === n.lease);
        if (committing && inFlight) n.faults++; // a freeze or a slow server: the span of P5
        if (committing && n.policy === 'at_most_once' && has('no resend from committing'))
          return end(n, 'unknown');
        if (committing) n.maybeSent = true;
        n.lapses++;
        if (n.lapses >= LAPSES) return end(n, n.maybeSent ? 'unknown' : 'dead');
        n.phase = null;
        n.lease = 0;
        n.state = 'queued';
      });
  }

  // client
  if (!s.cancelled200 && !terminal(s.state))
    step('client cancels', (n) => {
      const waiting = ['queued', 'deferred'].includes(n.state);
      if (
        (waiting || !has('cancel only what waits')) &&
        !(n.maybeSent && has('maybe sent is not cancelled'))
      ) {
        end(n, 'cancelled');
        n.cancelled200 = true;
      } else if (n.cancelWanted) return false;
      else n.cancelWanted = true; // 409
    });
  return out;
}

/** What must hold in every state, and over every step from `a` to `b`. */
const invariants = {
  'P5: a second copy only after a fault in the span': (b) => b.copies <= 1 || b.faults > 0,
  'P5: at_most_once never sends two': (b) => b.policy !== 'at_most_once' || b.copies <= 1,
  'P7: nothing is sent after a 200 to DELETE': (b, a) => !(a?.cancelled200 && b.copies > a.copies),
  'cancelled means not sent': (b) => b.state !== 'cancelled' || b.copies === 0,
  'bounced and dead mean not sent, unless a retry was refused after a possible copy': (b) =>
    !['bounced', 'dead'].includes(b.state) || b.copies === 0 || b.maybeSent,
  'terminal states never change': (b, a) => !a || !terminal(a.state) || a.state === b.state,
  'delivered means sent': (b) => b.state !== 'delivered' || b.copies >= 1,
};

function explore(policy, without = new Set()) {
  const key = (s) => JSON.stringify(s);
  const first = start(policy);
  const seen = new Map([[key(first), 0]]);
  const states = [first],
    from = [null],
    edges = [[]];
  for (let i = 0; i < states.length; i++) {
    for (const [name, next, fault] of steps(states[i], without)) {
      const trail = () => {
        const t = [name];
        for (let j = i; from[j]; j = from[j][0]) t.unshift(from[j][1]);
        return t;
      };
      for (const [law, holds] of Object.entries(invariants))
        if (!holds(next, states[i])) return { broken: law, trail: trail(), states: states.length };
      const k = key(next);
      if (!seen.has(k)) {
        seen.set(k, states.length);
        states.push(next);
        from.push([i, name]);
        edges.push([]);
      }
      if (!fault) edges[seen.get(k)].push(i); // reverse edges of the steps that need no luck
    }
  }
  // P1: from every state a terminal one can be reached by steps that are not faults
  const good = new Set(states.flatMap((s, i) => (terminal(s.state) ? [i] : [])));
  const todo = [...good];
  while (todo.length)
    for (const p of edges[todo.pop()])
      if (!good.has(p)) {
        good.add(p);
        todo.push(p);
      }
  const stuck = states.findIndex((_, i) => !good.has(i));
  if (stuck >= 0) {
    const t = [];
    for (let j = stuck; from[j]; j = from[j][0]) t.unshift(from[j][1]);
    return { broken: 'P1: every delivery can reach a final state', trail: t, states: states.length };
  }
  return { states: states.length };
}

const rules = [
  'claim',
  'fence',
  'record by lease',
  'late 250',
  'no resend from committing',
  'lost answer is unknown',
  'cancel only what waits',
  'maybe sent is not cancelled',
  'sweeper',
  'ack late',
];
let failed = false;
for (const policy of ['at_least_once', 'at_most_once']) {
  const r = explore(policy);
  console.log(
    `${policy}: ${r.states} states, ${r.broken ? `BROKEN ${r.broken}\n    ${r.trail.join('\n    ')}` : 'all hold'}`,
  );
  failed ||= Boolean(r.broken);
}
if (process.argv[2] === 'mutants') {
  for (const rule of rules) {
    const r = ['at_least_once', 'at_most_once']
      .map((p) => [p, explore(p, new Set([rule]))])
      .find(([, x]) => x.broken);
    console.log(
      `without "${rule}": ${r ? `${r[1].broken} (${r[0]}, ${r[1].trail.length} steps)` : 'nothing breaks'}`,
    );
    if (r && process.argv[3] === 'trails') console.log(`    ${r[1].trail.join('\n    ')}`);
  }
}
process.exitCode = failed ? 1 : 0;
