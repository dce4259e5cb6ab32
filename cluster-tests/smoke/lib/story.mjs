// The steps of the story: one line each. The first that fails ends it, because those behind build on it.

const STEP_SECS_MAX = 180;

export class Story {
  #passed = 0;

  /** Runs one step and returns what it found. The text it may return as `note` stands behind its name. */
  async step(name, act) {
    const begun = performance.now();
    try {
      const found = await within(STEP_SECS_MAX, act());
      const millis = Math.round(performance.now() - begun);
      console.log(`ok    ${name}${found?.note ? `: ${found.note}` : ''} (${millis} ms)`);
      this.#passed += 1;
      return found;
    } catch (error) {
      console.log(`FAIL  ${name}: ${explain(error)}`);
      throw new StepFailed(name);
    }
  }

  /** The last line. */
  sum(failed) {
    console.log(`${this.#passed} passed, ${failed} failed`);
  }
}

/** A step has failed, and was told. */
export class StepFailed extends Error {}

/** What must hold, or the step fails with this text. */
export function must(holds, text) {
  if (!holds) throw new Error(text);
}

/** Both must be the same. */
export function same(found, expected, what) {
  must(found === expected, `${what} is ${JSON.stringify(found)} instead of ${JSON.stringify(expected)}`);
}

/** The deadline is there to catch a hang, not to measure. */
export async function within(secs, promise) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`nothing happened within ${secs} s`)), secs * 1000);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

// An OAuth error says what happened in members of its own, a network error in its cause.
function explain(error) {
  const parts = [error.message, error.error, error.error_description];
  for (let cause = error.cause; cause instanceof Error; cause = cause.cause) parts.push(cause.message);
  return parts.filter(Boolean).join(' · ');
}
