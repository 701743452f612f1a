// The inbox page: the list on the left, and on the right the mail that the URL's fragment names. The
// content of a mail is inserted as text only; its HTML is shown in a sandboxed iframe.

const REFRESH_MS = 1_500;
const part = (id) => document.getElementById(id);

let listShown = '';
let mailShown = '';
let view = 'html';

function element(tag, attributes, ...children) {
  const made = Object.assign(document.createElement(tag), attributes);
  made.append(...children);
  return made;
}

async function refresh() {
  try {
    const answer = await fetch('/inbox/messages');
    const json = await answer.text();
    part('offline').hidden = answer.ok;
    if (answer.ok && json !== listShown) {
      listShown = json;
      showList(JSON.parse(json).messages);
    }
  } catch {
    part('offline').hidden = false;
  }
}

function showList(messages) {
  document.title = `${messages.length === 0 ? 'Inbox' : `Inbox (${messages.length})`} · Packetboat`;
  part('count').textContent = messages.length === 0 ? 'empty' : String(messages.length);
  part('empty').disabled = messages.length === 0;
  part('list').replaceChildren(
    ...messages.map(({ id, received_at, rcpt_to, subject }) =>
      element(
        'li',
        {},
        element(
          'a',
          { href: `#${id}` },
          element('strong', {}, subject || '(no subject)'),
          element(
            'time',
            { dateTime: received_at, title: received_at },
            new Date(received_at).toLocaleTimeString(),
          ),
          element('span', { className: 'to' }, rcpt_to.join(', ')),
        ),
      ),
    ),
  );
  markCurrent();
  showMail();
}

function markCurrent() {
  for (const link of part('list').querySelectorAll('a')) {
    if (link.hash === location.hash) link.setAttribute('aria-current', 'true');
    else link.removeAttribute('aria-current');
  }
}

async function showMail() {
  const id = location.hash.slice(1);
  const isListed = listShown.includes(JSON.stringify(id));
  if (isListed && id === mailShown) return;
  const answer = isListed ? await fetch(`/inbox/messages/${id}`) : null;
  if (id !== location.hash.slice(1)) return; // another one was chosen meanwhile
  mailShown = answer?.ok ? id : '';
  part('mail').hidden = mailShown === '';
  part('hint').hidden = mailShown !== '';
  if (mailShown === '') part('html').removeAttribute('src');
  else fillMail(await answer.json());
}

function fillMail({ id, received_at, mail_from, rcpt_to, subject, html, text, headers, attachments }) {
  const url = `/inbox/messages/${id}`;
  part('subject').textContent = subject || '(no subject)';
  const summary = {
    From: headers.from?.join(', '),
    To: headers.to?.join(', '),
    Cc: headers.cc?.join(', '),
    'Reply to': headers['reply-to']?.join(', '),
    Envelope: `${mail_from || '<>'} → ${rcpt_to.join(', ')}`,
    Received: new Date(received_at).toLocaleString(),
  };
  part('summary').replaceChildren(...definitions(Object.entries(summary).filter(([, value]) => value)));
  part('attachments').replaceChildren(
    ...attachments.map((attachment, index) =>
      element(
        'li',
        {},
        element(
          'a',
          { href: attachment.url, download: '' },
          attachment.filename ?? `attachment ${index + 1}`,
        ),
        ` ${attachment.content_type}, ${attachment.bytes.toLocaleString()} bytes`,
      ),
    ),
  );
  part('headers').replaceChildren(
    ...definitions(Object.entries(headers).flatMap(([name, values]) => values.map((value) => [name, value]))),
  );
  part('text').textContent = text ?? '';
  part('source').href = `${url}/source`;
  part('alone').href = `${url}/html`;
  part('alone').hidden = html === null;
  if (html === null) part('html').removeAttribute('src');
  else part('html').src = `${url}/html`;
  tab('html').disabled = html === null;
  tab('text').disabled = text === null;
  showView(tab(view).disabled ? (html === null ? (text === null ? 'headers' : 'text') : 'html') : view);
}

function definitions(entries) {
  return entries.flatMap(([name, value]) => [element('dt', {}, name), element('dd', {}, value)]);
}

function tab(name) {
  return document.querySelector(`[data-view="${name}"]`);
}

function showView(name) {
  for (const id of ['html', 'text', 'headers']) {
    part(id).hidden = id !== name;
    tab(id).setAttribute('aria-selected', String(id === name));
  }
}

for (const button of document.querySelectorAll('[data-view]')) {
  button.addEventListener('click', () => {
    view = button.dataset.view;
    showView(view);
  });
}

part('empty').addEventListener('click', async () => {
  if (!confirm('Remove all mail from this inbox?')) return;
  await fetch('/inbox/messages', { method: 'DELETE' });
  await refresh();
});

addEventListener('hashchange', () => {
  markCurrent();
  showMail();
});

await refresh();
setInterval(() => {
  if (!document.hidden) refresh();
}, REFRESH_MS);
