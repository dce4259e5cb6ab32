// The demo as a process: started, killed, stopped.

import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { must, within } from './story.mjs';

const READY = 'Conclave is ready';
// Only a hang takes as long as these.
const READY_SECS_MAX = 150;
const STOP_SECS_MAX = 30;
// Below the ports that systems give to outgoing connections: nothing takes them between a kill and the next start.
const PORT_MIN = 20_000;
const PORT_MAX = 32_000;
// As many as a demo of five takes from its base on.
const PORTS = 53;
const OUTPUT_CHARS_MAX = 256 * 1024;

export class Demo {
  #binary;
  #data;
  #base;
  #child = null;
  #ended = null;
  #output = '';

  constructor(binary, data, base) {
    this.#binary = binary;
    this.#data = data;
    this.#base = base;
  }

  /** Starts it and waits until it says that it is ready. */
  async start() {
    const options = ['--data', this.#data, '--port-base', String(this.#base), '--log-level', 'info'];
    // A process group of its own: a signal to it reaches every node, and Ctrl-C on us does not.
    const child = spawn(this.#binary, ['demo', ...options], { detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
    this.#child = child;
    this.#ended = new Promise((resolve, reject) => {
      const end = (settle, value) => {
        this.#child = null;
        settle(value);
      };
      child.once('error', (error) => end(reject, error));
      child.once('exit', (code, signal) => end(resolve, { code, signal }));
    });
    const from = this.#output.length;
    const ready = new Promise((resolve) => {
      const take = (text) => {
        this.#output += text;
        if (this.#output.includes(READY, from)) resolve();
      };
      child.stdout.setEncoding('utf8').on('data', take);
      child.stderr.setEncoding('utf8').on('data', take);
    });
    const early = this.#ended.then(({ code, signal }) => {
      throw new Error(`the demo ended before it was ready, with ${signal ?? code}`);
    });
    // Told to nobody once the demo is ready.
    early.catch(() => {});
    await within(READY_SECS_MAX, Promise.race([ready, early]));
  }

  /** What it wrote down for programs. */
  async credentials() {
    return JSON.parse(await readFile(join(this.#data, 'credentials'), 'utf8'));
  }

  /** Ends every process of it without a word. */
  async kill() {
    this.#signal('SIGKILL');
    const { signal } = await within(STOP_SECS_MAX, this.#ended);
    must(signal === 'SIGKILL', `the demo had ended by itself, with ${signal}`);
  }

  /** Stops it as Ctrl-C does, and returns its exit code. */
  async stop() {
    this.#signal('SIGINT');
    const { code, signal } = await within(STOP_SECS_MAX, this.#ended);
    return code ?? signal;
  }

  /** Leaves nothing running, wherever the story ended. */
  destroy() {
    if (this.#child) this.#signal('SIGKILL');
  }

  /** The last lines it wrote. */
  tail(lines) {
    return this.#output.slice(-OUTPUT_CHARS_MAX).trimEnd().split('\n').slice(-lines).join('\n');
  }

  #signal(name) {
    must(this.#child?.pid, 'the demo does not run');
    process.kill(-this.#child.pid, name);
  }
}

/** A port from which on the next ones are free too. */
export async function freePortBase() {
  for (;;) {
    const base = PORT_MIN + Math.floor(Math.random() * (PORT_MAX - PORT_MIN));
    const taken = await Promise.all(Array.from({ length: PORTS }, (_, offset) => isTaken(base + offset)));
    if (!taken.includes(true)) return base;
  }
}

function isTaken(port) {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(true));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(false)));
  });
}
