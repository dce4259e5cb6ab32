// As much of a browser as a sign-in needs: it keeps cookies, follows redirects and fills in forms.

import { must, same } from './story.mjs';

const REDIRECTS_MAX = 10;

export class Browser {
  #origin;
  #cookies = new Map();

  /** The number of the node that the edge is asked to send everything to; any node where it is null. */
  node = null;

  /** A browser that knows one site; whatever leads elsewhere is where it has left for. */
  constructor(origin) {
    this.#origin = new URL(origin).origin;
  }

  /** Another browser with the same cookies. */
  copy() {
    const other = new Browser(this.#origin);
    other.node = this.node;
    other.#cookies = new Map(this.#cookies);
    return other;
  }

  /** Opens an address; ends at a page of the site, or at the address outside that it was sent to. */
  open(url) {
    return this.#go(new URL(url), { method: 'GET' });
  }

  /** Fills in the form of a page, fields by their ids, and presses a button of it. */
  submit(page, fields, button) {
    const form = formOf(page.html);
    const pressed = form.controls.find((control) => control.id === button);
    must(pressed?.type === 'submit', `the page has no button #${button}`);
    const body = new URLSearchParams();
    for (const { name, type, value } of form.controls) {
      if (type === 'hidden') body.append(name, value ?? '');
    }
    for (const [id, value] of Object.entries(fields)) {
      const field = form.controls.find((control) => control.id === id);
      must(field?.name, `the page has no field #${id}`);
      body.append(field.name, value);
    }
    same(form.method, 'post', 'the method of the form');
    // Pages ask for no referrer, so that a browser tells no origin either.
    const headers = { origin: 'null', 'sec-fetch-site': 'same-origin' };
    return this.#go(new URL(form.action ?? '', page.url), { method: 'POST', headers, body });
  }

  async #go(url, request) {
    for (let redirects = 0; redirects <= REDIRECTS_MAX; redirects += 1) {
      if (url.origin !== this.#origin) return { left: url };
      const cookie = [...this.#cookies].map(([name, value]) => `${name}=${value}`).join('; ');
      const headers = { accept: 'text/html', ...request.headers, ...pin(this.node), ...(cookie && { cookie }) };
      const response = await fetch(url, { ...request, headers, redirect: 'manual' });
      response.headers.getSetCookie().forEach((line) => this.#keep(line));
      const html = await response.text();
      const target = response.headers.get('location');
      if (target === null) return { url, status: response.status, html };
      same(response.status, 303, `the status of the redirect from ${url.pathname}`);
      url = new URL(target, url);
      request = { method: 'GET' };
    }
    throw new Error(`more than ${REDIRECTS_MAX} redirects, at last to ${url}`);
  }

  #keep(line) {
    const [pair, ...attributes] = line.split(';').map((part) => part.trim());
    const [name, value] = split(pair, '=');
    const known = new Map(attributes.map((attribute) => split(attribute.toLowerCase(), '=')));
    must(known.has('httponly'), `a script could read the cookie ${name}`);
    same(known.get('samesite'), 'lax', `SameSite of the cookie ${name}`);
    same(known.get('path'), '/', `the path of the cookie ${name}`);
    if (Number(known.get('max-age') ?? 1) > 0) this.#cookies.set(name, value);
    else this.#cookies.delete(name);
  }
}

/** The header by which the edge is told which node a request is for. */
export function pin(node) {
  return node === null ? {} : { 'conclave-node': String(node) };
}

// Reads the tags that make a form; our pages have one at most, and no `>` within an attribute.
function formOf(html) {
  const [form, another] = [...html.matchAll(/<form\b([^>]*)>([\s\S]*?)<\/form>/g)];
  must(form && !another, `the page has not exactly one form: ${plain(html)}`);
  const controls = [...form[2].matchAll(/<(?:input|button)\b([^>]*)>/g)].map((tag) => attributesOf(tag[1]));
  return { ...attributesOf(form[1]), controls };
}

function attributesOf(text) {
  const pairs = text.matchAll(/([a-z-]+)="([^"]*)"/g);
  return Object.fromEntries([...pairs].map(([, name, value]) => [name, unescaped(value)]));
}

function unescaped(text) {
  const named = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };
  return text.replace(/&(?:#(\d+)|#x([0-9a-f]+)|([a-z]+));/gi, (all, decimal, hex, name) => {
    if (decimal) return String.fromCodePoint(Number(decimal));
    if (hex) return String.fromCodePoint(Number.parseInt(hex, 16));
    return named[name] ?? all;
  });
}

/** What a page says, in one line. */
export function plain(html) {
  const body = html.replace(/<head>[\s\S]*<\/head>|<[^>]*>/g, ' ');
  return unescaped(body).replace(/\s+/g, ' ').trim().slice(0, 200);
}

function split(text, separator) {
  const at = text.indexOf(separator);
  return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)];
}
