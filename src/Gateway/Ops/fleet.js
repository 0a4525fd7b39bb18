// Fetches the page again, and puts what has changed into the one that is shown.

/** In ms. */
const refreshInterval = 5_000;

/** A fleet that takes longer does not answer. In ms. */
const requestTimeout = 15_000;

const connection = document.getElementById('connection');

function replace(next, id) {
  const [shown, fetched] = [document.getElementById(id), next.getElementById(id)];
  if (fetched && !shown.isEqualNode(fetched)) {
    const focused = shown.contains(document.activeElement) ? document.activeElement.getAttribute('href') : null;
    shown.replaceChildren(...fetched.childNodes);
    if (focused) [...shown.querySelectorAll('a')].find(link => link.getAttribute('href') === focused)?.focus();
  }
}

async function refresh() {
  try {
    const answer = await fetch('/ops', { headers: { accept: 'text/html' }, signal: AbortSignal.timeout(requestTimeout) });
    const next = new DOMParser().parseFromString(await answer.text(), 'text/html');
    if (next.body.dataset.page !== 'fleet') throw new Error(`it answered ${answer.status}`);
    replace(next, 'top');
    replace(next, 'fleet');
    connection.hidden = true;
  } catch (error) {
    connection.textContent = `What is shown is old: this control silo does not answer (${error.message}). Another one may: see Relay:Fleet.`;
    connection.hidden = false;
  }
}

setInterval(() => { if (!document.hidden) refresh(); }, refreshInterval);
document.addEventListener('visibilitychange', () => { if (!document.hidden) refresh(); });
