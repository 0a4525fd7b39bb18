// Takes over the page that the server rendered, and keeps it up to date. What is data goes in as text, never as markup.

/** Figures that no event announces, such as the load, are this old at most. In ms. */
const refreshInterval = 10_000;

/** Between two refreshes that events cause. In ms. */
const shortestPause = 250;

/** A service that takes longer does not answer. In ms. */
const requestTimeout = 15_000;

const longestReconnectPause = 4_000;
const keptEvents = 200;
const shownGone = 20;
const mostDrawnSlots = 8;
const firstTty = 10;
const lastTty = 63;

const page = document.body.dataset.page;
const ownId = document.body.dataset.mandelbox;
const byId = id => document.getElementById(id);

// Text

const clock = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' });
const day = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium' });

/** How much later the host's clock is than the browser's. In ms. */
let clockLead = 0;
const now = () => Date.now() + clockLead;

function span(milliseconds) {
  const seconds = Math.max(0, milliseconds) / 1000;
  if (seconds < 60) return `${Math.floor(seconds)} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 172_800) return `${Math.floor(seconds / 3600)} h`;
  return `${Math.floor(seconds / 86_400)} d`;
}

function precise(milliseconds) {
  if (milliseconds < 1000) return `${Math.round(milliseconds)} ms`;
  return milliseconds < 60_000 ? `${(milliseconds / 1000).toFixed(1)} s` : span(milliseconds);
}

function sentence(text) {
  const plain = (text ?? '').trim().replace(/\.+$/, '');
  return plain === '' ? '' : `${plain[0].toUpperCase()}${plain.slice(1)}.`;
}

const count = (number, one, many = `${one}s`) => `${number} ${number === 1 ? one : many}`;
const percent = value => value == null ? null : `${Math.round(value)} %`;
const gigabytes = (kb, digits = 0) => (kb / 1024 / 1024).toFixed(digits);

function shortId(id) {
  // Those that wait for users all begin alike.
  const own = id.replace(/^host-service-/, '');
  return own.length > 16 ? `${own.slice(0, 8)}…${own.slice(-4)}` : own;
}

const shortVersion = version => version.replace(/^host-service /, '');

/** Without the folder that most apps of a host share; the title has it all. */
const shortApp = app => app?.split('/').at(-1) || '-';

/** As the server's: enough to tell two users apart. */
function shortUser(user) {
  if (!user) return '-';
  const at = user.indexOf('@');
  if (at > 0) return `${user[0]}…${user.slice(at)}`;
  return user.length > 8 ? `${user.slice(0, 3)}…${user.slice(-4)}` : `${user[0]}…`;
}

// Elements

/** An element with attributes and children; a string is text. */
function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === true) made.setAttribute(key, '');
    else if (value != null && value !== false) made.setAttribute(key, value);
  }
  made.append(...children.filter(child => child != null));
  return made;
}

const mark = (look, word) => [element('span', { class: `mark ${look}` }), ' ', element('span', {}, word)];
const linkTo = id => `/ops/mandelboxes/${encodeURIComponent(id)}`;
const button = (text, action, attributes = {}) => {
  const made = element('button', { type: 'button', ...attributes }, text);
  made.addEventListener('click', action);
  return made;
};

function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** Replaces the children only where they differ: a reader may be selecting text, or be about to press a button. */
function show(parent, ...children) {
  const next = parent.cloneNode(false);
  next.append(...children);
  if (!next.isEqualNode(parent)) parent.replaceChildren(...next.childNodes);
}

/** Names and values; those that are null are left out. */
function setFacts(list, facts) {
  show(list, ...facts.filter(([, value]) => value != null && value !== '')
    .map(([name, value]) => element('div', {}, element('dt', {}, name), element('dd', {}, ...[value].flat()))));
}

/** Makes the children of a parent those of the items, in their order. Those that stay keep the focus. */
function sync(parent, items, keyOf, make, fill) {
  const left = new Set(parent.children);
  const known = new Map([...left].map(child => [child.dataset.key, child]));
  const focused = document.activeElement;
  let place = parent.firstElementChild;
  for (const item of items) {
    const key = keyOf(item);
    let child = known.get(key);
    if (!child) {
      child = make(item);
      child.dataset.key = key;
    }
    left.delete(child);
    fill(child, item);
    if (child === place) place = place.nextElementSibling;
    else parent.insertBefore(child, place);
  }
  for (const child of left) child.remove();
  if (focused !== document.activeElement && focused?.isConnected) focused.focus();
}

// The service

/** The service answered, and said no. */
class Refused extends Error {
  constructor(status, detail) {
    super(detail);
    this.status = status;
  }
}

async function send(path, options = {}) {
  const response = await fetch(path, { cache: 'no-store', signal: AbortSignal.timeout(requestTimeout), ...options });
  const date = Date.parse(response.headers.get('Date'));
  // The header has whole seconds.
  if (!Number.isNaN(date) && Math.abs(date - now()) > 2000) clockLead = date - Date.now();
  if (!response.ok) throw new Refused(response.status, await refusalOf(response));
  return response;
}

async function refusalOf(response) {
  const text = await response.text().catch(() => '');
  try {
    const problem = JSON.parse(text);
    return sentence(problem.detail ?? problem.title) || `The service answered ${response.status}.`;
  } catch {
    return `The service answered ${response.status}.`;
  }
}

/** A session's number may have more digits than a JavaScript number. */
const parse = text => JSON.parse(text, (key, value, context) =>
  key === 'sessionId' && typeof value === 'number' ? context?.source ?? String(value) : value);

const get = async path => parse(await (await send(path)).text());

async function* serverSentEvents(stream) {
  const reader = stream.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  let data = '';
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const lines = (rest + value).split('\n');
    rest = lines.pop();
    for (const line of lines) {
      if (line.startsWith('data:')) {
        data += line.slice(5).trim();
      } else if (line.trim() === '' && data !== '') {
        yield parse(data);
        data = '';
      }
    }
  }
}

function delay(milliseconds, signal) {
  return new Promise(resolve => {
    const timer = setTimeout(resolve, milliseconds);
    signal.addEventListener('abort', () => {
      clearTimeout(timer);
      resolve();
    }, { once: true });
  });
}

// Connection

const connection = { lastSeen: Date.now(), isLost: false, since: 0 };

function seen() {
  connection.lastSeen = Date.now();
  if (!connection.isLost) return;
  connection.isLost = false;
  byId('connection').hidden = true;
  draw();
}

function lost() {
  if (!connection.isLost) {
    connection.isLost = true;
    connection.since = Date.now();
  }
  showLost();
}

function showLost() {
  draw();
  const notice = byId('connection');
  const ago = span(Date.now() - connection.lastSeen);
  const children = [`Connection lost, last seen ${clock.format(connection.lastSeen)} (${ago} ago). Trying again.`];
  // Its own certificate is new at each start, and only a page that is loaded again can ask the reader to accept it.
  if (Date.now() - connection.since > refreshInterval) {
    children.push(' If the service has been restarted, its certificate may be new: ', element('a', { href: location.href }, 'reload the page'), '.');
  }
  show(notice, ...children);
  notice.hidden = false;
}

// Refreshing

/** What has to be asked for again, by the names of the page's sources. */
const stale = new Set();
let sources = {};
let draw = () => { };
let refreshTimer = 0;
let isRefreshing = false;
let lastRefresh = -shortestPause;
let run = null;

function markStale(...names) {
  for (const name of names) stale.add(name);
  scheduleRefresh();
}

function scheduleRefresh() {
  if (refreshTimer || isRefreshing || !run || stale.size === 0) return;
  refreshTimer = setTimeout(refresh, Math.max(0, lastRefresh + shortestPause - performance.now()));
}

async function refresh() {
  refreshTimer = 0;
  isRefreshing = true;
  lastRefresh = performance.now();
  const current = run;
  const names = [...stale];
  stale.clear();
  const results = await Promise.allSettled(names.map(name => sources[name]()));
  isRefreshing = false;
  if (run !== current) return;
  const failures = results.filter(result => result.status === 'rejected').map(result => result.reason);
  const refusal = failures.find(failure => failure instanceof Refused);
  if (failures.some(failure => !(failure instanceof Refused))) {
    lost();
    current?.stream?.abort();
  } else {
    seen();
  }
  showFault(refusal ? `The service could not say all of this: ${refusal.message}` : null);
  draw();
  scheduleRefresh();
}

let fault = null;

function showFault(text) {
  if (fault === text) return;
  fault = text;
  say(text);
}

function say(text) {
  byId('notice').hidden = text == null;
  byId('notice').replaceChildren(...text == null ? [] : [text, ' ', button('Close', () => say(null))]);
}

/** Reads the events until the page is hidden, and connects again whenever they end. */
async function follow(current) {
  let pause = shortestPause;
  while (!current.signal.aborted) {
    current.stream = new AbortController();
    const signal = AbortSignal.any([current.signal, current.stream.signal]);
    try {
      const response = await send('/v1/events', { headers: { Accept: 'text/event-stream' }, signal });
      seen();
      if (!ownId) feed.clear();
      markStale(...Object.keys(sources));
      pause = shortestPause;
      for await (const event of serverSentEvents(response.body)) {
        seen();
        if (!ownId) feed.add(event);
        markStale(...staleAfter(event));
      }
      if (!current.signal.aborted) lost();
    } catch (error) {
      if (current.signal.aborted) return;
      if (error instanceof Refused) {
        if (!ownId) feed.fail(error.message);
        pause = refreshInterval;
      } else {
        lost();
      }
    }
    await delay(pause, current.signal);
    pause = Math.min(pause * 2, longestReconnectPause);
    if (connection.isLost) markStale(...Object.keys(sources));
  }
}

function begin() {
  if (run || document.hidden) return;
  run = new AbortController();
  const current = run;
  const figures = setInterval(() => markStale(...Object.keys(sources).filter(name => name !== 'gone')), refreshInterval);
  const ages = setInterval(() => {
    if (connection.isLost) showLost();
    else draw();
  }, 1000);
  current.signal.addEventListener('abort', () => {
    clearInterval(figures);
    clearInterval(ages);
    clearTimeout(refreshTimer);
    refreshTimer = 0;
  });
  markStale(...Object.keys(sources));
  follow(current);
}

function end() {
  run?.abort();
  run = null;
}

// Events

const severities = { Information: 'plain', Warning: 'dying', Error: 'bad' };

/** The last events, the newest first. */
const feed = {
  list: byId('feed'),
  isPaused: false,
  held: [],
  drawn: 0,

  /** Instead of those that were there, the oldest first. */
  set(events) {
    const last = events.at(-1)?.sequence ?? 0;
    if (last === this.last) return;
    this.last = last;
    this.held = events;
    this.mustClear = true;
    this.show();
  },

  add(event) {
    this.held.push(event);
    this.show();
  },

  clear() {
    this.held = [];
    this.mustClear = true;
    this.show();
  },

  fail(text) {
    this.list.replaceChildren(element('li', { class: 'empty' }, `No live events: ${text}`));
  },

  pause() {
    this.isPaused = !this.isPaused;
    this.show();
  },

  /** At most once a frame: a page that was away gets many at once. */
  show() {
    if (!this.drawn) this.drawn = requestAnimationFrame(() => this.draw());
  },

  draw() {
    this.drawn = 0;
    setText(byId('pause'), this.isPaused && this.held.length > 0 ? `Go on (${this.held.length} new)` : this.isPaused ? 'Go on' : 'Pause');
    if (this.isPaused) {
      this.held = this.held.slice(-keptEvents);
      return;
    }
    if (this.mustClear || this.held.length > 0) this.list.querySelector('.empty')?.remove();
    if (this.mustClear) this.list.replaceChildren();
    this.mustClear = false;
    this.list.prepend(...this.held.slice(-keptEvents).reverse().map(eventLine));
    this.held = [];
    while (this.list.children.length > keptEvents) this.list.lastElementChild.remove();
    if (this.list.children.length === 0) this.list.append(element('li', { class: 'empty' }, 'Nothing has happened yet.'));
  },
};

function eventLine(event) {
  const at = new Date(event.at);
  const isLong = now() - at > 86_400_000;
  const line = element('li', { 'data-kind': event.kind },
    element('time', { datetime: event.at, title: event.at }, isLong ? `${day.format(at)} ${clock.format(at)}` : clock.format(at)), ' ');
  if (event.severity !== 'Information') line.append(...mark(severities[event.severity] ?? 'plain', event.severity.toLowerCase()), ' ');
  if (event.mandelboxId && !ownId) {
    line.append(element('a', { href: linkTo(event.mandelboxId), title: event.mandelboxId }, shortId(event.mandelboxId)), ' ');
  }
  line.append(element('span', {}, event.text ?? event.kind));
  return line;
}

// Mandelboxes

const words = {
  Allocated: ['start', 'starting'],
  Leased: ['start', 'starting'],
  Created: ['start', 'starting'],
  Started: ['start', 'starting'],
  Connecting: ['start', 'connecting'],
  Waiting: ['warm', 'warm'],
  Running: ['run', 'running'],
  Dying: ['dying', 'dying'],
  Gone: ['gone', 'gone'],
};

function stateOf(mandelbox) {
  const [look, word] = words[mandelbox.state] ?? ['plain', mandelbox.state];
  return mandelbox.queuePlace ? [look, `queued, place ${mandelbox.queuePlace}`] : [look, word];
}

const hasUser = mandelbox => mandelbox.state !== 'Waiting' && mandelbox.state !== 'Dying' && mandelbox.state !== 'Gone';

const causes = {
  UserLeft: 'user left',
  AppExited: 'app exited',
  Killed: 'killed',
  Removed: 'container removed',
  OutOfMemory: 'out of memory',
  StartFailed: 'start failed',
  Probe: 'trial',
  Operator: 'stopped by an operator',
  QuotaExceeded: 'disk quota',
  HostStopped: 'host stopped',
  DrainLimit: 'drain limit',
  NetworkLost: 'network lost',
  EngineLost: 'engine lost',
  LeaseRevoked: 'lease revoked',
  Adopted: 'adopted',
  Replaced: 'no longer wanted',
  Remains: 'remains removed',
  HostCrashed: 'host crashed',
};

/** Causes that nobody wanted. */
const faults = new Set([
  'AppExited', 'Killed', 'Removed', 'OutOfMemory', 'StartFailed', 'QuotaExceeded', 'NetworkLost', 'EngineLost', 'LeaseRevoked', 'Remains',
  'HostCrashed',
]);

const reached = (mandelbox, state) => mandelbox.phases.find(phase => phase.state === state);
const at = phase => Date.parse(phase.since);

/** From its request to the beginning of its end. In ms. */
function lasted(mandelbox) {
  const dying = reached(mandelbox, 'Dying') ?? reached(mandelbox, 'Gone');
  return (dying ? at(dying) : now()) - Date.parse(mandelbox.createdAt);
}

function endSentence(mandelbox) {
  if (!mandelbox.endCause) return '';
  const after = `after ${span(lasted(mandelbox))}`;
  const why = sentence(mandelbox.endReason);
  const first = {
    UserLeft: `The user left ${after}.`,
    AppExited: `The app ended by itself ${after}.`,
    Killed: `The app was killed ${after}, with memory left.`,
    OutOfMemory: `The app had used all of its memory, and was killed ${after}.`,
    StartFailed: 'It did not start.',
    Probe: 'It was a trial of the host\'s own.',
    Operator: `An operator stopped it ${after}.`,
    QuotaExceeded: `It used more of the disk than it may, and was ended ${after}.`,
    HostStopped: `The host ended it ${after}, because the host itself ended.`,
    DrainLimit: `The host's drain could not last longer, and ended it ${after}.`,
    NetworkLost: `It lost its network sandbox ${after}.`,
    EngineLost: `The container engine was lost ${after}.`,
    LeaseRevoked: 'What it used after a crash belonged to another mandelbox.',
    Adopted: 'Another mandelbox has adopted it.',
    Replaced: 'It waited for a user, and was no longer wanted.',
    Remains: 'It had gone, and the rest of it was given back.',
  }[mandelbox.endCause] ?? `It ended (${mandelbox.endCause}).`;
  const neverCame = mandelbox.userId && !reached(mandelbox, 'Running') && mandelbox.phases.length > 0;
  return [first, why, neverCame ? 'Nothing was saved, because the user never came.' : ''].filter(Boolean).join(' ');
}

const phaseNames = {
  Leased: 'lease', Created: 'create', Started: 'start', Waiting: 'get ready', Connecting: 'assign', Running: 'connect', Dying: 'live', Gone: 'clean up',
};

/** The phases that led to each of these states, with their beginnings and lengths in ms. */
function phasesTo(mandelbox, states) {
  const found = [];
  for (let i = 1; i < mandelbox.phases.length; i++) {
    const [before, after] = [mandelbox.phases[i - 1], mandelbox.phases[i]];
    if (!states.has(after.state)) continue;
    const name = after.state === 'Waiting' && before.state === 'Allocated' ? 'adopt' : phaseNames[after.state] ?? after.state;
    found.push({ name, begin: at(before), length: at(after) - at(before) });
  }
  return found;
}

const startStates = new Set(['Leased', 'Created', 'Started', 'Waiting', 'Connecting', 'Running']);
const endStates = new Set(['Gone']);

/** One bar, its phases to scale; behind it what takes place now, or else how long all took. */
function bar(phases, step) {
  const total = phases.reduce((sum, phase) => sum + phase.length, 0);
  const text = phases.map(phase => `${phase.name} ${precise(phase.length)}`).join(', ');
  const made = element('span', { class: 'bar-of-phases', role: 'img', 'aria-label': text, title: text });
  for (const phase of phases) {
    const part = element('span');
    part.style.flexGrow = String(total === 0 ? 1 : phase.length / total);
    made.append(part);
  }
  return [made, ' ', step ? element('span', { class: 'quiet' }, step) : element('span', {}, precise(total))];
}

// Questions

/** Asks first. Resolves to null, or to whether the option was chosen. */
function ask({ title, text, yes, option, describe }) {
  const dialog = byId('question');
  const box = byId('question-option');
  const check = box.querySelector('input');
  setText(byId('question-title'), title);
  setText(byId('question-yes'), yes);
  box.hidden = !option;
  setText(box.querySelector('span'), option ?? '');
  check.checked = false;
  const show = () => setText(byId('question-text'), describe ? describe(check.checked) : text);
  check.onchange = show;
  show();
  dialog.returnValue = 'no';
  dialog.showModal();
  return new Promise(resolve => {
    dialog.addEventListener('close', () => resolve(dialog.returnValue === 'yes' ? check.checked : null), { once: true });
  });
}

async function act(work) {
  try {
    await work();
    say(null);
    return true;
  } catch (error) {
    say(error instanceof Refused ? error.message : 'The service does not answer: look again whether it did this.');
    return false;
  } finally {
    markStale(...Object.keys(sources));
  }
}

const stopping = new Set();

async function stop(mandelbox) {
  const concerns = hasUser(mandelbox)
    ? '1 user is concerned, and loses the session now. What the user has set is saved.'
    : 'No user is concerned.';
  const answer = await ask({
    title: `Stop ${shortId(mandelbox.mandelboxId)}?`,
    text: `${mandelbox.appName ?? 'The mandelbox'} of ${shortUser(mandelbox.userId)} ends. ${concerns}`,
    yes: 'Stop it',
  });
  if (answer === null) return;
  stopping.add(mandelbox.mandelboxId);
  draw();
  // It answers once everything has been given back.
  await act(() => send(`/v1/mandelboxes/${encodeURIComponent(mandelbox.mandelboxId)}`, { method: 'DELETE', signal: AbortSignal.timeout(180_000) }));
  stopping.delete(mandelbox.mandelboxId);
  draw();
}

// The page of the host

function hostPage() {
  let host = null;
  let mandelboxes = null;
  let leases = [];
  let gone = null;
  let doctor = null;
  let wantsAllGone = false;
  let query = new URLSearchParams(location.search).get('q') ?? '';
  let sorting = { by: 'age', isUp: true };
  const version = byId('version').textContent;

  sources = {
    host: async () => { host = await get('/v1/host'); },
    mandelboxes: async () => { mandelboxes = await get('/v1/mandelboxes'); },
    leases: async () => { leases = await get('/v1/leases'); },
    gone: async () => { gone = await get(`/v1/history?limit=${wantsAllGone ? 1000 : 100}`); },
  };
  staleAfter = event => {
    if (event.mandelboxId == null) return ['host'];
    return event.state === 'Gone' ? ['host', 'mandelboxes', 'leases', 'gone'] : ['host', 'mandelboxes', 'leases'];
  };

  const users = () => (mandelboxes ?? []).filter(hasUser).length;

  const reasons = () => {
    const status = {
      Starting: 'The host is still starting and not registered yet.',
      Draining: `The host is draining: it takes no new mandelboxes, and ends once the last one has. ${count(users(), 'user')} left.`,
      Closed: 'The host is shutting down.',
    }[host.status];
    return [...(status ? [status] : []), ...host.notReady];
  };

  const advice = {
    Starting: 'journalctl -u host-service -f',
    Draining: 'host-service drain --cancel',
    Closed: 'systemctl status host-service',
  };

  let examined = '';

  async function examine(isAsked) {
    const section = byId('doctor');
    if (isAsked) {
      section.hidden = false;
      section.replaceChildren(element('p', { class: 'empty' }, 'Checking the host…'));
    }
    try {
      doctor = parse(await (await send('/v1/doctor', { signal: AbortSignal.timeout(40_000) })).text());
    } catch (error) {
      section.replaceChildren(element('p', {}, `The checks could not be made: ${error instanceof Refused ? error.message : 'no answer.'}`));
      return;
    }
    const found = [
      ...doctor.checks.filter(check => check.outcome !== 'Ok').map(check => element('li', {},
        ...mark(check.outcome === 'Failed' ? 'bad' : 'dying', check.name), `: ${check.detail}`,
        check.advice ? element('span', { class: 'advice' }, ` To try: ${check.advice}.`) : null)),
      ...doctor.differences.map(difference => element('li', {},
        ...mark('bad', `${difference.kind} ${difference.name}`), ` of ${difference.mandelboxId}: ${difference.problem}`)),
    ];
    section.hidden = !isAsked && found.length === 0;
    section.replaceChildren(
      found.length === 0 ? element('p', {}, ...mark('run', `All ${doctor.checks.length} checks pass.`)) : element('ul', {}, ...found),
      button('Close', () => { section.hidden = true; }));
  }

  /** Asks again who is there: a question must not name fewer users than it concerns. */
  async function askAboutUsers(question) {
    return await act(sources.mandelboxes) ? ask(question) : null;
  }

  async function drain() {
    const answer = await askAboutUsers({
      title: 'Drain the host?',
      option: 'End their mandelboxes now, instead of waiting',
      describe: isForced => users() === 0
        ? 'No user is on this host: the service ends at once. In a deployed environment the machine is turned off.'
        : isForced
          ? `${count(users(), 'user is', 'users are')} on this host and will lose ${users() === 1 ? 'the session' : 'their sessions'} now. `
            + 'Then the service ends; in a deployed environment the machine is turned off.'
          : `${count(users(), 'user is', 'users are')} on this host and may stay until they leave. No new ones come. `
            + 'Then the service ends; in a deployed environment the machine is turned off.',
      yes: 'Drain the host',
    });
    if (answer !== null) await act(() => send(`/v1/host/drain${answer ? '?force=true' : ''}`, { method: 'POST' }));
  }

  async function stopHost() {
    const answer = await askAboutUsers({
      title: 'End the drain now?',
      describe: () => `${count(users(), 'user is', 'users are')} still on this host and will lose ${users() === 1 ? 'the session' : 'their sessions'} now.`,
      yes: 'End them now',
    });
    if (answer !== null) await act(() => send('/v1/host/drain?force=true', { method: 'POST' }));
  }

  async function cancelDrain() {
    const answer = await askAboutUsers({
      title: 'Cancel the drain?',
      describe: () => `The host takes new mandelboxes again. ${count(users(), 'user is', 'users are')} on it; nothing changes for them.`,
      yes: 'Cancel the drain',
    });
    if (answer !== null) await act(() => send('/v1/host/drain', { method: 'DELETE' }));
  }

  const controls = {
    check: button('Check the host', () => examine(true)),
    drain: button('Drain the host…', drain),
    cancel: button('Cancel the drain…', cancelDrain),
    stop: button('End them now…', stopHost),
  };
  byId('actions').replaceChildren(...Object.values(controls));
  byId('actions').hidden = false;

  function drawHeader() {
    const why = reasons();
    const isReady = why.length === 0;
    const look = connection.isLost ? ['gone', 'not known']
      : isReady ? ['run', 'ready'] : host.status === 'Draining' ? ['dying', 'draining'] : host.status === 'Starting' ? ['start', 'starting'] : ['bad', 'not ready'];
    show(byId('readiness'), ...mark(...look));
    const { identity } = host;
    setText(byId('identity'), [...new Set(
      [identity.instanceName, identity.instanceId, identity.instanceType, identity.region, host.environment])].filter(Boolean).join(' · '));
    setText(byId('uptime'), `up ${span(now() - Date.parse(host.startedAt))}`);
    setText(byId('version'), shortVersion(host.version));
    document.title = `${look[0] === 'run' ? '' : `${look[1]}: `}${identity.instanceName} · ${host.slots.used} of ${host.slots.capacity} · host service`;

    byId('reasons').hidden = isReady;
    byId('figures').hidden = !isReady;
    if (isReady) {
      examined = '';
    } else {
      show(byId('reasons'),
        element('ul', {}, ...why.map(reason => element('li', {}, sentence(reason)))),
        element('p', {}, 'To try on the host: ', element('code', {}, advice[host.status] ?? 'host-service doctor')));
      // What the host complains of, its own checks explain.
      const complaint = host.notReady.join('\n');
      if (complaint !== '' && complaint !== examined) {
        examined = complaint;
        examine(false);
      }
    }

    const metrics = host.metrics ?? {};
    const memory = metrics.totalMemoryKb && metrics.availableMemoryKb != null
      ? `${gigabytes(metrics.totalMemoryKb - metrics.availableMemoryKb, 1)} of ${gigabytes(metrics.totalMemoryKb)} GB` : null;
    setFacts(byId('figures'), [
      ['in use', `${host.slots.used} of ${host.slots.capacity}`],
      ['GPU', percent(metrics.gpuPercent)],
      ['CPU', percent(metrics.cpuPercent)],
      ['memory', memory],
      ['disk', percent(metrics.diskUsedPercent)],
      ['load', metrics.load1?.toFixed(1)],
      ['leaks', host.leaks > 0 ? mark('bad', String(host.leaks)) : null],
    ]);

    const isDraining = host.status === 'Draining';
    controls.drain.hidden = isDraining || host.status === 'Closed';
    controls.cancel.hidden = !isDraining;
    controls.stop.hidden = !isDraining;
  }

  function drawTtys() {
    const owners = new Map();
    const living = new Map((mandelboxes ?? []).map(mandelbox => [mandelbox.mandelboxId, mandelbox]));
    for (const lease of leases) {
      // One that was handed over is there twice; its new owner is the one to show.
      const owner = living.get(lease.mandelboxId);
      if (!owners.has(lease.tty) || owners.get(lease.tty).mandelbox?.state === 'Waiting' || !owners.get(lease.tty).mandelbox) {
        owners.set(lease.tty, { lease, mandelbox: owner });
      }
    }
    const looks = { run: 'in use', start: 'starting', warm: 'warm', dying: 'dying', bad: 'held', free: 'free' };
    const counts = Object.fromEntries(Object.keys(looks).map(look => [look, 0]));
    const cells = [];
    for (let tty = firstTty; tty <= lastTty; tty++) {
      const owner = owners.get(tty);
      const look = !owner ? 'free' : owner.mandelbox ? stateOf(owner.mandelbox)[0] : 'bad';
      counts[look]++;
      cells.push({ tty, owner, look });
    }
    sync(byId('ttys'), cells, cell => String(cell.tty), () => element('li'), (child, { tty, owner, look }) => {
      const id = owner?.lease.mandelboxId ?? '';
      if (child.dataset.shows === `${look} ${id}`) return;
      child.dataset.shows = `${look} ${id}`;
      const title = !owner ? `TTY ${tty}: free`
        : owner.mandelbox ? `TTY ${tty}: ${looks[look]}, ${owner.mandelbox.appName ?? ''} ${id}` : `TTY ${tty}: held by ${id}, which is no mandelbox of this run`;
      const inside = [element('span', {}, String(tty)), element('span', { class: `mark ${look}` })];
      child.className = look;
      child.title = title;
      child.replaceChildren(owner?.mandelbox
        ? element('a', { href: linkTo(id), 'aria-label': title }, ...inside)
        : element('span', { class: 'cell' }, ...inside, element('span', { class: 'hide' }, looks[look])));
    });
    show(byId('ttys-legend'), ...Object.entries(looks).filter(([look]) => counts[look] > 0 || look === 'free')
      .map(([look, word]) => element('li', {}, element('span', { class: `mark ${look}` }), ` ${counts[look]} ${word}`)));
    byId('ttys-section').hidden = false;
  }

  function drawGpus() {
    if (host.gpus.length === 0) {
      show(byId('gpus'), element('li', { class: 'empty' }, 'None: slots are on the CPU.'));
      return;
    }
    // Of one that is out of service, only the used slots count.
    const isSick = gpu => gpu.unhealthy != null;
    const held = host.gpus.filter(isSick).reduce((sum, gpu) => sum + gpu.used, 0);
    const perGpu = Math.round((host.slots.capacity - held) / Math.max(1, host.gpus.filter(gpu => !isSick(gpu)).length));
    show(byId('gpus'), ...host.gpus.map(gpu => {
      const size = isSick(gpu) ? gpu.used : Math.max(perGpu, gpu.used);
      const slots = element('span', { class: 'slots', role: 'img', 'aria-label': `${gpu.used} of ${size} slots in use` });
      for (let slot = 0; slot < size && size <= mostDrawnSlots; slot++) slots.append(element('span', { class: slot < gpu.used ? 'used' : null }));
      const used = gpu.totalMemoryKb && gpu.freeMemoryKb != null
        ? `${gigabytes(gpu.totalMemoryKb - gpu.freeMemoryKb, 1)} of ${gigabytes(gpu.totalMemoryKb)} GB` : null;
      return element('li', {},
        element('p', {}, ...mark(gpu.unhealthy ? 'bad' : 'run', `GPU ${gpu.index}`), ' ', element('span', { class: 'quiet' }, gpu.name), ' ', slots),
        element('p', { class: 'quiet' }, [size > 0 ? `${gpu.used} of ${size} slots` : null, used, gpu.utilisationPercent == null ? null : `${gpu.utilisationPercent} % busy`].filter(Boolean).join(', ')),
        gpu.unhealthy ? element('p', {}, `Out of service: ${gpu.unhealthy}`) : null);
    }));
  }

  function drawPools() {
    const ready = pool => pool ? `${pool.capacity - pool.used} of ${pool.capacity}` : null;
    setFacts(byId('pools'), [
      ['slots in use', `${host.slots.used} of ${host.slots.capacity}`],
      ['TTYs in use', `${host.ttys.used} of ${host.ttys.capacity}`],
      ['sandboxes ready', ready(host.sandboxes)],
      ['warm', ready(host.waiting)],
      ['failed starts in a row', host.failedSpinUps > 0 ? mark('dying', String(host.failedSpinUps)) : null],
    ]);
    sync(byId('queue'), host.queue.length > 0 ? host.queue : [''], id => id, id => id === ''
      ? element('li', { class: 'empty' }, 'Nobody waits.')
      : element('li', {}, element('a', { href: linkTo(id), title: id }, shortId(id))), () => { });
  }

  const matches = mandelbox => query === '' || query.toLowerCase().split(/\s+/).every(part =>
    [mandelbox.mandelboxId, mandelbox.appName, mandelbox.userId, mandelbox.containerId, ...stateOf(mandelbox), causes[mandelbox.endCause]]
      .some(value => value?.toLowerCase().includes(part)));

  const startOf = mandelbox => phasesTo(mandelbox, startStates).reduce((sum, phase) => sum + phase.length, 0);
  const sortKeys = {
    id: mandelbox => mandelbox.mandelboxId,
    app: mandelbox => mandelbox.appName ?? '',
    user: mandelbox => mandelbox.userId ?? '',
    state: mandelbox => stateOf(mandelbox)[1],
    age: mandelbox => -Date.parse(mandelbox.createdAt),
    tty: mandelbox => mandelbox.lease?.tty ?? 0,
    start: startOf,
  };

  function sorted(list) {
    const key = sortKeys[sorting.by];
    const direction = sorting.isUp ? 1 : -1;
    return [...list].sort((a, b) => {
      const [left, right] = [key(a), key(b)];
      const order = typeof left === 'number' ? left - right : left < right ? -1 : left > right ? 1 : 0;
      return order * direction || (a.mandelboxId < b.mandelboxId ? -1 : 1);
    });
  }

  /** On a narrow screen the first column says what the hidden ones say. */
  const first = mandelbox => element('th', { scope: 'row' },
    element('a', { href: linkTo(mandelbox.mandelboxId), title: mandelbox.mandelboxId }, shortId(mandelbox.mandelboxId)),
    element('span', { class: 'narrow quiet' }, `${shortApp(mandelbox.appName)} · ${shortUser(mandelbox.userId)}`));

  function makeRow(mandelbox) {
    return element('tr', {}, first(mandelbox),
      element('td', { class: 'wide app', title: mandelbox.appName }, shortApp(mandelbox.appName)),
      element('td', { class: 'wide user', title: mandelbox.userId }, shortUser(mandelbox.userId)),
      element('td', { class: 'state' }), element('td', { class: 'number' }), element('td', { class: 'number wide' }),
      element('td', { class: 'wide start' }), element('td', { class: 'action' }));
  }

  function fillRow(row, mandelbox) {
    const [, , user, state, age, tty, start, action] = row.cells;
    if (user.title !== (mandelbox.userId ?? '')) {
      user.title = mandelbox.userId ?? '';
      setText(user, shortUser(mandelbox.userId));
    }
    const [look, word] = stateOf(mandelbox);
    show(state, ...mark(look, word));
    setText(age, span(now() - Date.parse(mandelbox.createdAt)));
    setText(tty, String(mandelbox.lease?.tty ?? '-'));
    const phases = phasesTo(mandelbox, startStates);
    // No event says that the last step is over.
    const step = look === 'start' ? mandelbox.step : null;
    show(start, ...phases.length > 0 || step ? bar(phases, step) : []);
    const canStop = mandelbox.state !== 'Dying';
    const isStopping = stopping.has(mandelbox.mandelboxId);
    if (action.dataset.shows !== `${canStop} ${isStopping}`) {
      action.dataset.shows = `${canStop} ${isStopping}`;
      action.replaceChildren(...canStop ? [button(isStopping ? 'stopping' : 'Stop…', () => stop(find(mandelbox.mandelboxId)), {
        disabled: isStopping, 'aria-label': `Stop ${mandelbox.mandelboxId}`,
      })] : []);
    }
  }

  const find = id => mandelboxes.find(mandelbox => mandelbox.mandelboxId === id);

  function drawMandelboxes() {
    const shown = sorted(mandelboxes.filter(matches));
    sync(byId('mandelboxes').tBodies[0], shown, mandelbox => mandelbox.mandelboxId, makeRow, fillRow);
    const empty = byId('mandelboxes-empty');
    empty.hidden = shown.length > 0;
    setText(empty, mandelboxes.length === 0 ? 'No mandelboxes: nobody is on this host.' : `None of ${mandelboxes.length} is found by “${query}”.`);
    byId('mandelboxes').hidden = shown.length === 0;
    setText(byId('mandelboxes-title'), `Mandelboxes (${query === '' ? mandelboxes.length : `${shown.length} of ${mandelboxes.length}`})`);
  }

  function drawGone() {
    byId('gone-section').hidden = false;
    const found = gone.filter(matches);
    const shown = wantsAllGone || query !== '' ? found : found.slice(0, shownGone);
    sync(byId('gone').tBodies[0], shown, mandelbox => `${mandelbox.mandelboxId} ${mandelbox.since}`, mandelbox => element('tr', {}, first(mandelbox),
      element('td', { class: 'wide app', title: mandelbox.appName }, shortApp(mandelbox.appName)),
      element('td', { class: 'wide user', title: mandelbox.userId }, shortUser(mandelbox.userId)),
      element('td', { class: 'number' }), element('td', { class: 'number wide' }, span(lasted(mandelbox))),
      element('td', { title: endSentence(mandelbox) }, ...faults.has(mandelbox.endCause)
        ? mark('bad', causes[mandelbox.endCause]) : [causes[mandelbox.endCause] ?? mandelbox.endCause ?? '-'])),
    (row, mandelbox) => setText(row.cells[3], `${span(now() - Date.parse(mandelbox.since))} ago`));
    byId('gone').hidden = shown.length === 0;
    byId('gone-empty').hidden = shown.length > 0;
    setText(byId('gone-empty'), gone.length === 0 ? 'None has gone.' : `None of the last ${gone.length} is found by “${query}”.`);
    setText(byId('gone-title'), gone.length === 0 ? 'Gone' : `Gone (last ${gone.length})`);
    byId('gone-more').hidden = wantsAllGone || gone.length <= shownGone;
    setText(byId('gone-more'), 'Show up to 1,000');
  }

  draw = () => {
    if (host) {
      // The page of another version may not fit its script.
      if (version !== '' && version !== shortVersion(host.version)) {
        location.reload();
        return;
      }
      drawHeader();
      drawGpus();
      drawPools();
    }
    if (mandelboxes) {
      drawMandelboxes();
      drawTtys();
    }
    if (gone) drawGone();
  };

  byId('gone-more').addEventListener('click', () => {
    wantsAllGone = true;
    markStale('gone');
  });

  const search = byId('search');
  byId('search-field').hidden = false;
  search.value = query;
  search.addEventListener('input', () => {
    query = search.value.trim();
    history.replaceState(null, '', query === '' ? '/ops' : `/ops?q=${encodeURIComponent(query)}`);
    draw();
  });

  const headings = [...byId('mandelboxes').querySelectorAll('th[data-sort]')];
  const drawSorting = () => headings.forEach(heading => {
    if (heading.dataset.sort === sorting.by) heading.setAttribute('aria-sort', sorting.isUp ? 'ascending' : 'descending');
    else heading.removeAttribute('aria-sort');
  });
  for (const heading of headings) {
    heading.replaceChildren(button(heading.textContent, () => {
      const by = heading.dataset.sort;
      sorting = { by, isUp: sorting.by !== by || !sorting.isUp };
      drawSorting();
      draw();
    }, { class: 'sort' }));
  }
  drawSorting();

  document.addEventListener('keydown', event => {
    if (byId('question').open || event.ctrlKey || event.metaKey || event.altKey) return;
    const isTyping = event.target === search;
    if (event.key === '/' && !isTyping) {
      event.preventDefault();
      search.focus();
      search.select();
    } else if (event.key === 'Escape' && (isTyping || query !== '')) {
      event.preventDefault();
      search.value = '';
      search.dispatchEvent(new Event('input'));
      search.blur();
    } else if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
      const links = [...document.querySelectorAll('#mandelboxes tbody th a, #gone tbody th a')];
      const place = links.indexOf(document.activeElement?.closest?.('tr')?.querySelector('th a'));
      if (place < 0 && event.target !== document.body && !isTyping) return;
      event.preventDefault();
      const next = event.key === 'ArrowDown' ? place + 1 : place - 1;
      if (next < 0) search.focus();
      else links[Math.min(next, links.length - 1)]?.focus();
    } else if (event.key === 'Enter' && isTyping) {
      document.querySelector('#mandelboxes tbody th a, #gone tbody th a')?.click();
    }
  });
}

// The page of a mandelbox

function mandelboxPage() {
  let mandelbox = null;
  let steps = [];
  let isMissing = false;
  const path = `/v1/mandelboxes/${encodeURIComponent(ownId)}`;

  sources = {
    timeline: async () => {
      try {
        const story = await get(`${path}/timeline`);
        ({ mandelbox, steps } = story);
        feed.set(story.events);
        isMissing = false;
      } catch (error) {
        if (error.status !== 404) throw error;
        isMissing = true;
      }
    },
    logs: async () => {
      try {
        showLogs(await (await send(`${path}/logs?tail=200`)).text());
      } catch (error) {
        if (!(error instanceof Refused)) throw error;
        showLogs('', error.message);
      }
    },
  };
  staleAfter = event => event.mandelboxId === ownId ? ['timeline', 'logs'] : [];

  function showLogs(text, why = 'Nothing is known of what it wrote.') {
    const logs = byId('logs');
    const isAtEnd = logs.scrollTop + logs.clientHeight >= logs.scrollHeight - 8;
    byId('logs-section').hidden = false;
    logs.classList.toggle('empty', text === '');
    setText(logs, text === '' ? why : text);
    if (isAtEnd) logs.scrollTop = logs.scrollHeight;
  }

  /** Rows to scale: the phases as one bar, and below it each step. */
  function chart(title, phases, rows) {
    const spans = [...phases, ...rows];
    if (spans.length === 0) return [];
    const begin = Math.min(...spans.map(part => part.begin));
    const length = Math.max(1, ...spans.map(part => part.begin + part.length - begin));
    const line = (part, look) => {
      const made = element('span', { class: `span ${look}` });
      made.style.marginLeft = `${(part.begin - begin) / length * 100}%`;
      made.style.width = `${part.length / length * 100}%`;
      return made;
    };
    const row = (name, marks, milliseconds, why) => element('li', { class: why ? 'failed' : null },
      element('span', { class: 'name' }, name), element('span', { class: 'track' }, ...marks),
      element('span', { class: 'number' }, milliseconds), why ? element('span', { class: 'why' }, ...mark('bad', sentence(why))) : null);
    return [
      element('h3', {}, `${title}: ${precise(length)}`),
      element('ol', { class: 'chart' },
        phases.length > 0 ? element('li', { class: 'quiet' }, 'phases') : null,
        ...phases.map(part => row(part.name, [line(part, 'phase')], precise(part.length))),
        rows.length > 0 ? element('li', { class: 'quiet' }, 'steps') : null,
        ...rows.map(part => row(part.name, [line(part, part.failure ? 'bad' : part.isOver ? 'step' : 'step running')],
          part.isOver ? precise(part.length) : 'runs', part.failure))),
    ];
  }

  const rowsOf = isUndo => steps.filter(step => step.undo === isUndo).map(step => {
    const begin = Date.parse(step.startedAt);
    const isOver = step.milliseconds != null;
    return { name: isUndo ? `undo ${step.name}` : step.name, begin, isOver, length: isOver ? step.milliseconds : Math.max(0, now() - begin), failure: step.failure };
  });

  function drawTimeline() {
    byId('timeline-section').hidden = false;
    const charts = [
      ...chart('Start', phasesTo(mandelbox, startStates), rowsOf(false)),
      ...chart('End', phasesTo(mandelbox, endStates), rowsOf(true)),
    ];
    show(byId('timeline'), ...charts.length > 0 ? charts : [element('p', { class: 'empty' }, 'It has not done anything yet.')]);
  }

  function drawFacts() {
    const { lease } = mandelbox;
    setFacts(byId('facts'), [
      ['app', mandelbox.appName],
      ['user', mandelbox.userId],
      ['session', mandelbox.sessionId],
      ['requested', `${day.format(Date.parse(mandelbox.createdAt))} ${clock.format(Date.parse(mandelbox.createdAt))}`],
      ['container', mandelbox.containerId],
      ['TTY', lease?.tty.toString()],
      ['GPU', lease ? lease.gpuIndex < 0 ? 'none' : String(lease.gpuIndex) : null],
      ['ports', lease?.ports.map(port => `${port.hostPort} → ${port.mandelboxPort}/${port.transport.toLowerCase()}`).join(', ')],
      ['sandbox', lease?.sandbox],
      ['step', mandelbox.step],
      ['warnings', mandelbox.warnings.length > 0 ? mark('dying', mandelbox.warnings.join('; ')) : null],
      ['at a restart', mandelbox.notReattachable ? mark('dying', mandelbox.notReattachable) : null],
    ]);
  }

  draw = () => {
    if (isMissing) {
      show(byId('state'), ...mark('gone', 'There is no such mandelbox on this host any more.'));
      byId('stop').hidden = true;
    }
    if (isMissing || !mandelbox) return;
    const [look, word] = stateOf(mandelbox);
    show(byId('state'), ...mark(look, `${word} for ${span(now() - Date.parse(mandelbox.since))}`));
    setText(byId('end'), endSentence(mandelbox));
    const isStopping = stopping.has(ownId);
    byId('stop').hidden = mandelbox.state === 'Dying' || mandelbox.state === 'Gone';
    byId('stop').disabled = isStopping;
    setText(byId('stop'), isStopping ? 'stopping' : 'Stop…');
    drawFacts();
    drawTimeline();
  };

  byId('stop').addEventListener('click', () => stop(mandelbox));
  document.addEventListener('keydown', event => {
    if (event.key !== 'Escape' || byId('question').open) return;
    // Back to the search that led here.
    if (document.referrer.startsWith(`${location.origin}/ops`) && history.length > 1) history.back();
    else location.assign('/ops');
  });
}

let staleAfter = () => [];

if (page === 'host' || page === 'mandelbox') {
  (page === 'host' ? hostPage : mandelboxPage)();
  byId('events-section').hidden = false;
  byId('pause').hidden = page !== 'host';
  byId('pause').addEventListener('click', () => feed.pause());
  document.addEventListener('visibilitychange', () => document.hidden ? end() : begin());
  addEventListener('pagehide', end);
  addEventListener('pageshow', begin);
  begin();
}
