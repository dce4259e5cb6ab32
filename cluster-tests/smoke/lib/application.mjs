// An application that signs people in: openid-client does what it does for everybody, and checks what it gets.

import * as oidc from 'openid-client';
import { pin, plain } from './browser.mjs';
import { must } from './story.mjs';

const SCOPE = 'openid profile email offline_access';

export class Application {
  #redirectUri;

  /** What openid-client knows about the issuer and this client. */
  config;

  constructor(config, redirectUri) {
    this.config = config;
    this.#redirectUri = redirectUri;
  }

  /** Reads the issuer's metadata. Without a secret it is a public client. */
  static async discover(issuer, { client_id, client_secret, redirect_uri }) {
    const auth = client_secret ? oidc.ClientSecretBasic(client_secret) : oidc.None();
    // Plain HTTP, because it is loopback; and the signature of an ID token counts, wherever it came from.
    const execute = [oidc.allowInsecureRequests, oidc.enableNonRepudiationChecks];
    const metadata = { id_token_signed_response_alg: 'ES256' };
    const config = await oidc.discovery(new URL(issuer), client_id, metadata, auth, { execute });
    return new Application(config, redirect_uri);
  }

  /** Sends everything to one node from now on; to any, where it is null. */
  at(node) {
    this.config[oidc.customFetch] = (url, options) =>
      fetch(url, { ...options, headers: { ...Object.fromEntries(new Headers(options.headers)), ...pin(node) } });
    return this;
  }

  /** Makes an authorization request, and what is needed to check its answer. */
  async request(more = {}) {
    const checks = {
      pkceCodeVerifier: oidc.randomPKCECodeVerifier(),
      expectedState: oidc.randomState(),
      expectedNonce: oidc.randomNonce(),
      idTokenExpected: true,
    };
    const url = oidc.buildAuthorizationUrl(this.config, {
      redirect_uri: this.#redirectUri,
      scope: SCOPE,
      state: checks.expectedState,
      nonce: checks.expectedNonce,
      code_challenge: await oidc.calculatePKCECodeChallenge(checks.pkceCodeVerifier),
      code_challenge_method: 'S256',
      ...more,
    });
    return { url, checks };
  }

  /** Turns the address that the browser was sent back to into tokens. */
  async redeem(answer, checks) {
    must(answer.left, `the browser is still at ${answer.url}: ${plain(answer.html ?? '')}`);
    must(answer.left.href.startsWith(`${this.#redirectUri}?`), `the browser was sent to ${answer.left}`);
    return oidc.authorizationCodeGrant(this.config, answer.left, checks);
  }

  /** Signs a person in by the form. */
  async signIn(browser, { username, password }) {
    const { url, checks } = await this.request();
    const page = await browser.open(url);
    return this.redeem(await browser.submit(page, { username, password }, 'login-submit'), checks);
  }

  /** Gets tokens from the browser's session, without asking anybody. */
  async signInSilently(browser) {
    const { url, checks } = await this.request({ prompt: 'none' });
    return this.redeem(await browser.open(url), checks);
  }

  refresh(token) {
    return oidc.refreshTokenGrant(this.config, token);
  }

  introspect(token) {
    return oidc.tokenIntrospection(this.config, token);
  }

  revoke(token) {
    return oidc.tokenRevocation(this.config, token);
  }

  userinfo({ access_token }, subject) {
    return oidc.fetchUserInfo(this.config, access_token, subject);
  }
}

/** The other side must answer with this OAuth error. */
export async function refused(promise, error) {
  let answer;
  try {
    answer = await promise;
  } catch (refusal) {
    if (refusal.error === error) return;
    throw refusal;
  }
  throw new Error(`${error} was expected, and not ${JSON.stringify(Object.keys(answer ?? {}))}`);
}
