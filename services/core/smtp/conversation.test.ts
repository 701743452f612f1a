import { describe, expect, it } from 'vitest';
import type { Broken } from './answers.ts';
import { type Action, type BodyKind, Conversation } from './conversation.ts';
import { ReplyReader } from './reply-reader.ts';

// Each row is a whole transaction: what happens, and what the conversation does about it. Replies
// that come together stand in one step, separated by a comma. Actions: the verbs of a write, `ask`,
// `pour`, `finish`, `close`, and the answer as kind, stage, code or reason.
type Step = readonly [input: string, actions: string];

const broken: Readonly<Record<string, Broken>> = {
  dropped: { how: 'failed', reason: 'dropped', text: 'connection closed' },
  endless: { how: 'failed', reason: 'protocol', text: 'the reply of the server does not end' },
  silent: { how: 'timeout' },
  aborted: { how: 'aborted' },
};

function input(conversation: Conversation, step: string, body: BodyKind): readonly Action[] {
  const known = broken[step];
  if (known !== undefined) return conversation.broken(known);
  switch (step) {
    case 'begin':
      return conversation.begin({ mail: 'MAIL FROM:<a@b.example>', rcpt: 'RCPT TO:<c@d.example>' }, body);
    case 'open':
    case 'shut':
      return conversation.fenced(step === 'open');
    case 'poured':
      return conversation.poured();
    case 'unreadable':
      return conversation.unreadable();
    case 'leave':
      return conversation.leave();
    default:
      return conversation.heard(new ReplyReader().push(step.split(', ').join('\r\n').concat('\r\n')));
  }
}

function shown(action: Action): string {
  if (action.do === 'write') {
    return action.commands
      .trimEnd()
      .split('\r\n')
      .map((line) => line.split(' ', 1)[0])
      .join(' ');
  }
  if (action.do !== 'settle') return action.do;
  const { kind, stage, code, reason } = action.answer;
  return [kind, stage, code ?? reason, action.isWornOut ? 'worn out' : null]
    .filter((word) => word !== null)
    .join(' ');
}

function run(
  conversation: Conversation,
  body: BodyKind,
  steps: readonly Step[],
): readonly (readonly string[])[] {
  return steps.map(([step]) => [step, input(conversation, step, body).map(shown).join(', ')]);
}

const pipelined = { isPipelined: true };
const lockStep = { isPipelined: false };
const envelope: readonly Step[] = [
  ['begin', 'MAIL RCPT DATA'],
  ['250 ok, 250 ok, 354 go', 'ask'],
];
/** A transaction that was accepted, so that the connection has served. */
const served: readonly Step[] = [...envelope, ['open', 'finish'], ['250 taken', 'accepted dot 250']];
/** A transaction that was refused, so that the next one begins with RSET. */
const refusedOnce: readonly Step[] = [
  ['begin', 'MAIL RCPT DATA'],
  ['250 ok, 550 no, 503 no', 'refused rcpt 550'],
];
const streaming: readonly Step[] = [
  ['begin', 'MAIL RCPT DATA'],
  ['250 ok, 250 ok, 354 go', 'pour'],
];

type Row = readonly [title: string, steps: readonly Step[]];

const rows: readonly (readonly [string, { readonly isPipelined: boolean }, BodyKind, readonly Row[]])[] = [
  [
    'with PIPELINING, a body in one write',
    pipelined,
    'whole',
    [
      ['is accepted', served],
      ['goes on without RSET', [...served, ...served]],
      [
        'takes the replies however they are cut',
        [
          ['begin', 'MAIL RCPT DATA'],
          ['250 ok', ''],
          ['250 ok', ''],
          ['354 go', 'ask'],
          ['open', 'finish'],
          ['250 ok', 'accepted dot 250'],
        ],
      ],
      [
        'MAIL refused',
        [
          ['begin', 'MAIL RCPT DATA'],
          ['451 later', ''],
          ['503 no', ''],
          ['503 no', 'refused mail 451'],
        ],
      ],
      [
        'RCPT refused',
        [
          ['begin', 'MAIL RCPT DATA'],
          ['250 ok, 550 nobody', ''],
          ['503 no', 'refused rcpt 550'],
        ],
      ],
      [
        'DATA refused',
        [
          ['begin', 'MAIL RCPT DATA'],
          ['250 ok, 250 ok, 451 later', 'refused data 451'],
        ],
      ],
      [
        'a refusal is followed by RSET',
        [
          ['begin', 'MAIL RCPT DATA'],
          ['250 ok, 550 no, 503 no', 'refused rcpt 550'],
          ['begin', 'RSET MAIL RCPT DATA'],
          ['250 ok, 250 ok, 250 ok, 354 go', 'ask'],
        ],
      ],
      [
        'RCPT refused and DATA accepted is ended by a lone dot',
        [
          ['begin', 'MAIL RCPT DATA'],
          ['250 ok, 550 nobody, 354 go', '.'],
          ['554 nobody to send to', 'refused rcpt 550'],
          ['begin', 'RSET MAIL RCPT DATA'],
        ],
      ],
      [
        'the lone dot is taken, too',
        [
          ['begin', 'MAIL RCPT DATA'],
          ['250 ok, 450 later, 354 go', '.'],
          ['250 ok', 'refused rcpt 450'],
        ],
      ],
      [
        'the lone dot gets no answer',
        [
          ['begin', 'MAIL RCPT DATA'],
          ['250 ok, 550 nobody, 354 go', '.'],
          ['silent', 'close, refused rcpt 550'],
        ],
      ],
      [
        'the lone dot is answered by 421',
        [
          ['begin', 'MAIL RCPT DATA'],
          ['250 ok, 550 nobody, 354 go', '.'],
          ['421 bye', 'close, refused rcpt 550'],
        ],
      ],
      [
        'MAIL and RCPT refused, DATA accepted: a lone dot',
        [
          ['begin', 'MAIL RCPT DATA'],
          ['550 no, 503 no, 354 go', '.'],
        ],
      ],
      // whom the empty mail would go to is unknown
      [
        'MAIL refused, RCPT and DATA accepted: no dot at all',
        [
          ['begin', 'MAIL RCPT DATA'],
          ['550 no, 250 ok, 354 go', 'close, refused mail 550'],
        ],
      ],
      [
        'RCPT answered by nonsense, DATA accepted: no dot at all',
        [
          ['begin', 'MAIL RCPT DATA'],
          ['250 ok, hello, 354 go', 'close, lost rcpt protocol'],
        ],
      ],
      [
        'one reply too many before RCPT',
        [
          ['begin', 'MAIL RCPT DATA'],
          ['250 ok, 250 ok, 250 ok', 'close, lost data protocol'],
        ],
      ],
      [
        'one reply too many behind 354',
        [
          ['begin', 'MAIL RCPT DATA'],
          ['250 ok, 250 ok, 354 go, 250 taken', 'close, lost body protocol'],
        ],
      ],
      [
        'a refusal right behind 354',
        [
          ['begin', 'MAIL RCPT DATA'],
          ['250 ok, 250 ok, 354 go, 552 too large', 'close, refused body 552'],
        ],
      ],
      [
        'one reply too many behind a refusal',
        [
          ['begin', 'MAIL RCPT DATA'],
          ['250 ok, 550 no, 503 no, 250 ok', 'close, refused rcpt 550'],
        ],
      ],
      [
        'a code in place of another',
        [
          ['begin', 'MAIL RCPT DATA'],
          ['354 go', 'close, lost mail protocol'],
        ],
      ],
      [
        'nonsense behind a refusal',
        [
          ['begin', 'MAIL RCPT DATA'],
          ['550 no', ''],
          ['hello', 'close, refused mail 550'],
        ],
      ],
      [
        '421 at MAIL',
        [
          ['begin', 'MAIL RCPT DATA'],
          ['421 bye', 'close, refused mail 421'],
        ],
      ],
      [
        '421 at RCPT',
        [
          ['begin', 'MAIL RCPT DATA'],
          ['250 ok', ''],
          ['421 bye', 'close, refused rcpt 421'],
        ],
      ],
      [
        '421 at DATA',
        [
          ['begin', 'MAIL RCPT DATA'],
          ['250 ok, 250 ok, 421 bye', 'close, refused data 421'],
        ],
      ],
      [
        '421 at DATA behind a refusal',
        [
          ['begin', 'MAIL RCPT DATA'],
          ['250 ok, 550 nobody, 421 bye', 'close, refused rcpt 550'],
        ],
      ],
      ['421 while the fence is asked', [...envelope, ['421 bye', 'close'], ['open', 'refused body 421']]],
      ['421 at the dot', [...envelope, ['open', 'finish'], ['421 bye', 'close, refused dot 421']]],
      [
        '421 behind the answer to the dot',
        [...envelope, ['open', 'finish'], ['250 taken, 421 bye', 'close, accepted dot 250']],
      ],
      ['the fence is shut', [...envelope, ['shut', 'close, fenced body']]],
      [
        'the dot is refused',
        [...envelope, ['open', 'finish'], ['554 spam', 'refused dot 554'], ['begin', 'RSET MAIL RCPT DATA']],
      ],
      [
        'two answers to the dot that agree',
        [...envelope, ['open', 'finish'], ['250 taken, 250 taken', 'close, accepted dot 250']],
      ],
      [
        'two refusals of the dot',
        [...envelope, ['open', 'finish'], ['451 no, 554 no', 'close, refused dot 451']],
      ],
      [
        'a yes and a no to the dot',
        [...envelope, ['open', 'finish'], ['250 taken, 554 spam', 'close, answer_lost dot protocol']],
      ],
      [
        'a no and a yes to the dot',
        [...envelope, ['open', 'finish'], ['451 later, 250 taken', 'close, answer_lost dot protocol']],
      ],
      [
        'nonsense in answer to the dot',
        [...envelope, ['open', 'finish'], ['hello', 'close, answer_lost dot protocol']],
      ],
      [
        '354 in answer to the dot',
        [...envelope, ['open', 'finish'], ['354 go', 'close, answer_lost dot protocol']],
      ],
      [
        'lost before MAIL is answered',
        [
          ['begin', 'MAIL RCPT DATA'],
          ['dropped', 'close, lost mail dropped'],
        ],
      ],
      [
        'lost before RCPT is answered',
        [
          ['begin', 'MAIL RCPT DATA'],
          ['250 ok', ''],
          ['dropped', 'close, lost rcpt dropped'],
        ],
      ],
      [
        'lost behind a refusal',
        [
          ['begin', 'MAIL RCPT DATA'],
          ['550 no', ''],
          ['dropped', 'close, refused mail 550'],
        ],
      ],
      [
        'lost while the fence is asked',
        [...envelope, ['dropped', 'close'], ['dropped', ''], ['open', 'lost body dropped']],
      ],
      [
        'lost while the fence is asked, and it is shut',
        [...envelope, ['dropped', 'close'], ['shut', 'fenced body']],
      ],
      [
        'refused while the fence is asked, and it is shut',
        [...envelope, ['552 too large', 'close'], ['shut', 'refused body 552']],
      ],
      [
        'lost behind the dot',
        [...envelope, ['open', 'finish'], ['dropped', 'close, answer_lost dot dropped']],
      ],
      [
        'a reply that never ends',
        [...envelope, ['open', 'finish'], ['endless', 'close, answer_lost dot protocol']],
      ],
      [
        'silent at MAIL',
        [
          ['begin', 'MAIL RCPT DATA'],
          ['silent', 'close, lost mail timeout'],
        ],
      ],
      [
        'silent behind the dot',
        [...envelope, ['open', 'finish'], ['silent', 'close, answer_lost dot timeout']],
      ],
      [
        'aborted before anything is answered',
        [
          ['begin', 'MAIL RCPT DATA'],
          ['aborted', 'close, aborted mail'],
        ],
      ],
      [
        'aborted behind a refusal',
        [
          ['begin', 'MAIL RCPT DATA'],
          ['550 no', ''],
          ['aborted', 'close, refused mail 550'],
        ],
      ],
      [
        'aborted while the fence is asked',
        [...envelope, ['aborted', 'close'], ['open', 'lost body dropped']],
      ],
      [
        'aborted behind the dot',
        [...envelope, ['open', 'finish'], ['aborted', 'close, answer_lost dot dropped']],
      ],
      ['a word while nothing is asked', [...served, ['250 by the way', 'close']]],
      ['421 while nothing is asked', [...served, ['421 idle for too long', 'close']]],
      ['the end while nothing is asked', [...served, ['dropped', 'close']]],
      ['QUIT', [...served, ['leave', 'QUIT'], ['221 bye', 'close']]],
      ['QUIT without an answer', [...served, ['leave', 'QUIT'], ['silent', 'close']]],
    ],
  ],
  [
    'a connection that has served',
    pipelined,
    'whole',
    [
      [
        'is worn out when it ends before MAIL is answered',
        [...served, ['begin', 'MAIL RCPT DATA'], ['dropped', 'close, lost mail dropped worn out']],
      ],
      [
        'is worn out when MAIL is told 421',
        [...served, ['begin', 'MAIL RCPT DATA'], ['421 idle', 'close, refused mail 421 worn out']],
      ],
      [
        'is worn out when MAIL is told to log in again',
        [
          ...served,
          ['begin', 'MAIL RCPT DATA'],
          ['530 5.7.0 token expired, 503 no, 503 no', 'close, refused mail 530 worn out'],
        ],
      ],
      [
        'is not worn out when RCPT is told to log in',
        [...served, ['begin', 'MAIL RCPT DATA'], ['250 ok, 530 5.7.0 log in, 503 no', 'refused rcpt 530']],
      ],
      [
        'is worn out when MAIL is answered by nonsense',
        [...served, ['begin', 'MAIL RCPT DATA'], ['hello', 'close, lost mail protocol worn out']],
      ],
      [
        'is worn out when RSET is told 421',
        [
          ...served,
          ...refusedOnce,
          ['begin', 'RSET MAIL RCPT DATA'],
          ['421 idle', 'close, refused mail 421 worn out'],
        ],
      ],
      [
        'is worn out when RSET is refused',
        [
          ...served,
          ...refusedOnce,
          ['begin', 'RSET MAIL RCPT DATA'],
          ['502 what', 'close, lost mail protocol worn out'],
        ],
      ],
      [
        'is worn out when it ends at RSET',
        [
          ...served,
          ...refusedOnce,
          ['begin', 'RSET MAIL RCPT DATA'],
          ['dropped', 'close, lost mail dropped worn out'],
        ],
      ],
      [
        'is worn out when it ends between RSET and MAIL',
        [
          ...served,
          ...refusedOnce,
          ['begin', 'RSET MAIL RCPT DATA'],
          ['250 ok', ''],
          ['dropped', 'close, lost mail dropped worn out'],
        ],
      ],
      [
        'is not when the server is silent: trying again would take as long',
        [...served, ['begin', 'MAIL RCPT DATA'], ['silent', 'close, lost mail timeout']],
      ],
      [
        'is not when MAIL is refused',
        [...served, ['begin', 'MAIL RCPT DATA'], ['451 no, 503 no, 503 no', 'refused mail 451']],
      ],
      [
        'is not when MAIL was taken',
        [...served, ['begin', 'MAIL RCPT DATA'], ['250 ok', ''], ['dropped', 'close, lost rcpt dropped']],
      ],
      [
        'is not when RCPT is told 421',
        [...served, ['begin', 'MAIL RCPT DATA'], ['250 ok, 421 bye', 'close, refused rcpt 421']],
      ],
      [
        'is not when the caller gives up',
        [...served, ['begin', 'MAIL RCPT DATA'], ['aborted', 'close, aborted mail']],
      ],
    ],
  ],
  [
    'without PIPELINING',
    lockStep,
    'whole',
    [
      [
        'is accepted',
        [
          ['begin', 'MAIL'],
          ['250 ok', 'RCPT'],
          ['250 ok', 'DATA'],
          ['354 go', 'ask'],
          ['open', 'finish'],
          ['250 ok', 'accepted dot 250'],
        ],
      ],
      [
        'MAIL refused',
        [
          ['begin', 'MAIL'],
          ['550 no', 'refused mail 550'],
          ['begin', 'RSET'],
          ['250 ok', 'MAIL'],
        ],
      ],
      [
        'RCPT refused',
        [
          ['begin', 'MAIL'],
          ['250 ok', 'RCPT'],
          ['550 no', 'refused rcpt 550'],
        ],
      ],
      [
        'an answer to what was not asked',
        [
          ['begin', 'MAIL'],
          ['250 ok, 250 early', 'close, lost rcpt protocol'],
        ],
      ],
      [
        'all answers at once',
        [
          ['begin', 'MAIL'],
          ['250 ok, 250 early, 354 early', 'close, lost rcpt protocol'],
        ],
      ],
      [
        '421 between two replies',
        [
          ['begin', 'MAIL'],
          ['250 ok, 421 bye', 'close, refused rcpt 421'],
        ],
      ],
      [
        'a reply too many behind a refusal',
        [
          ['begin', 'MAIL'],
          ['550 no, 550 no', 'close, refused mail 550'],
        ],
      ],
      [
        'lost between two questions',
        [
          ['begin', 'MAIL'],
          ['250 ok', 'RCPT'],
          ['dropped', 'close, lost rcpt dropped'],
        ],
      ],
    ],
  ],
  [
    'a large body in memory',
    pipelined,
    'pieces',
    [
      [
        'is written when the fence has let it go',
        [...envelope, ['open', 'pour'], ['poured', 'finish'], ['250 ok', 'accepted dot 250']],
      ],
      ['the fence is shut', [...envelope, ['shut', 'close, fenced body']]],
      [
        'lost in the midst: nobody took it',
        [...envelope, ['open', 'pour'], ['dropped', 'close, lost body dropped'], ['poured', '']],
      ],
      ['refused in the midst', [...envelope, ['open', 'pour'], ['552 too large', 'close, refused body 552']]],
      ['aborted in the midst', [...envelope, ['open', 'pour'], ['aborted', 'close, lost body dropped']]],
    ],
  ],
  [
    'a streamed body',
    pipelined,
    'stream',
    [
      [
        'is written, and the fence asked at its end',
        [...streaming, ['poured', 'ask'], ['open', 'finish'], ['250 ok', 'accepted dot 250']],
      ],
      ['the fence is shut', [...streaming, ['poured', 'ask'], ['shut', 'close, fenced body']]],
      ['cannot be read to its end', [...streaming, ['unreadable', 'close, fault body body']]],
      [
        'refused in the midst',
        [...streaming, ['552 too large', 'close, refused body 552'], ['poured', ''], ['unreadable', '']],
      ],
      ['accepted in the midst', [...streaming, ['250 taken', 'close, lost body protocol']]],
      ['lost in the midst', [...streaming, ['dropped', 'close, lost body dropped'], ['unreadable', '']]],
      ['a server that reads no further', [...streaming, ['silent', 'close, lost body timeout']]],
      ['aborted in the midst', [...streaming, ['aborted', 'close, aborted body']]],
      [
        'aborted while the fence is asked',
        [...streaming, ['poured', 'ask'], ['aborted', 'close'], ['open', 'lost body dropped']],
      ],
    ],
  ],
];

describe.each(rows)('%s', (_, how, body, cases) => {
  it.each(cases)('%s', (_title, steps) => {
    expect(run(new Conversation(how), body, steps)).toEqual(steps);
  });
});

it('the words of a refusal are kept, and those of a reply that makes no sense', () => {
  const conversation = new Conversation(pipelined);
  input(conversation, 'begin', 'whole');
  const [settled] = input(conversation, '550-5.7.1 you are\r\n550 5.7.1 blocked, 503 no, 503 no', 'whole');
  expect(settled).toMatchObject({ answer: { code: 550, enhanced: '5.7.1', text: 'you are blocked' } });
  input(conversation, 'begin', 'whole');
  const [, lost] = input(conversation, 'HTTP/1.1 400', 'whole');
  expect(lost).toMatchObject({
    answer: { code: null, text: 'the server answered out of turn: HTTP/1.1 400' },
  });
});
