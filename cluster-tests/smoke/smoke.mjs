// A person signs in to the demo, tokens live and die, the node is killed, and everything acknowledged is still there.
// Run it by `make smoke`.

import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import * as oauth from 'oauth4webapi';
import * as oidc from 'openid-client';
import { Application, refused } from './lib/application.mjs';
import { Browser, pin, plain } from './lib/browser.mjs';
import { Demo, freePortBase } from './lib/demo.mjs';
import { Story, StepFailed, must, same } from './lib/story.mjs';

const LOG_LINES = 40;
const POLL_MS = 100;
// A little more than the bound that /cluster tells.
const BOUND_MS = 300;

const story = new Story();
const folder = mkdtempSync(join(tmpdir(), 'conclave-smoke-'));
const demo = new Demo(process.env.CONCLAVE_BINARY, join(folder, 'demo'), await freePortBase());

// Whatever ends us, nothing is left: neither a process nor a file.
process.once('exit', () => {
  demo.destroy();
  rmSync(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
});
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.once(signal, () => process.exit(128 + constants.signals[signal]));
}

let failed = 0;
try {
  await tell();
} catch (error) {
  failed = 1;
  if (!(error instanceof StepFailed)) console.log(error);
  console.log(`\nThe demo's last lines:\n${demo.tail(LOG_LINES)}\n`);
}
story.sum(failed);
process.exit(failed);

async function tell() {
  await story.step('the demo makes its data and is ready', () => demo.start());
  const demoed = await demo.credentials();
  const applications = await story.step('discovery', () => discovery(demoed));
  const keys = await story.step('signing keys', () => signingKeys(applications.web));

  const before = await lifeOfTokens(demoed, applications);
  const ended = await signingOut(demoed, applications, before);
  await singlePage(demoed, applications);
  const kept = await acknowledged(demoed, applications);

  await story.step('SIGKILL, right after the last acknowledgement', () => demo.kill());
  await story.step('the demo recovers and is ready', () => demo.start());
  await afterTheKill(demoed, applications, keys, { ...before, ...kept, ended });

  if (demoed.nodes.length > 1) {
    for (const { node } of demoed.nodes) await throughOneNode(demoed, applications, node);
    await acrossNodes(demoed, applications, before.project);
    await leaderKilled(demoed, applications);
  }

  await story.step('SIGINT stops it', async () => same(await demo.stop(), 0, 'the exit code'));
}

async function discovery({ issuer, web, spa, api, service }) {
  const paths = ['openid-configuration', 'oauth-authorization-server'];
  const [one, other] = await Promise.all(paths.map((path) => text(`${issuer}/.well-known/${path}`)));
  same(other, one, 'the metadata at the other path');
  const [webApplication, spaApplication, apiApplication, robot] = await Promise.all(
    [web, spa, api, service].map((client) => Application.discover(issuer, client)),
  );
  same(webApplication.config.serverMetadata().issuer, issuer, 'the issuer');
  return { note: issuer, web: webApplication, spa: spaApplication, api: apiApplication, robot };
}

async function signingKeys({ config }) {
  const { keys } = JSON.parse(await text(config.serverMetadata().jwks_uri));
  const ids = keys.map((key) => `${key.alg} ${key.kid}`).sort().join(', ');
  must(keys.some((key) => key.alg === 'ES256'), `there is no key for ES256: ${ids}`);
  must(!keys.some((key) => 'd' in key), 'a private key is published');
  return { note: ids, ids };
}

/** Sign-in to revocation, with the confidential web application. */
async function lifeOfTokens({ web: client, user }, { web, api, robot }) {
  const browser = new Browser(web.config.serverMetadata().issuer);

  await story.step('a wrong password signs nobody in', async () => {
    const { url } = await web.request();
    const wrong = { username: user.username, password: `${user.password}!` };
    const page = await browser.submit(await browser.open(url), wrong, 'login-submit');
    must(page.html?.includes('aria-invalid="true"'), `it was taken: ${page.left ?? plain(page.html)}`);
  });

  const tokens = await story.step('sign-in by the form, code with PKCE, ID token', async () => {
    const signedIn = await web.signIn(browser, user);
    same(signedIn.claims().at_hash, halfHash(signedIn.access_token), 'at_hash');
    must(signedIn.refresh_token, 'there is no refresh token');
    return signedIn;
  });
  const { sub } = tokens.claims();

  await story.step('userinfo', async () => {
    const about = await web.userinfo(tokens, sub);
    same(about.preferred_username, user.username, 'preferred_username');
    return { note: `${about.name} <${about.email}>` };
  });

  const project = await story.step('the API verifies the access token by its signature (RFC 9068)', async () => {
    const claims = claimsOf(tokens.access_token);
    const audience = claims.aud.find((one) => one !== client.client_id);
    must(audience, `the token is meant for nobody but its client: ${claims.aud}`);
    const verified = await verifyAccessToken(web, tokens.access_token, audience);
    same(verified.sub, sub, 'sub');
    return audience;
  });

  await story.step('the API introspects it', async () => {
    const found = await api.introspect(tokens.access_token);
    same(found.active, true, 'active');
    same(found.username, user.username, 'username');
    const roles = Object.keys(found['urn:zitadel:iam:org:project:roles'] ?? {});
    must(roles.length > 0, 'it tells no role');
    return { note: roles.join(', ') };
  });

  const refreshed = await story.step('refresh rotates the refresh token', async () => {
    const next = await web.refresh(tokens.refresh_token);
    must(next.refresh_token !== tokens.refresh_token, 'it is the same refresh token');
    same(next.claims().sub, sub, 'sub');
    same((await web.introspect(next.refresh_token)).active, true, 'active of the new one');
    same((await web.introspect(tokens.refresh_token)).active, false, 'active of the old one');
    return next;
  });

  const serviceToken = await story.step('client credentials of the service account', async () => {
    const scope = `openid urn:zitadel:iam:org:project:id:${project}:aud`;
    const { access_token } = await oidc.clientCredentialsGrant(robot.config, { scope });
    same((await api.introspect(access_token)).active, true, 'active');
    return access_token;
  });

  await story.step('a revoked access token is inactive', async () => {
    await robot.revoke(serviceToken);
    same((await api.introspect(serviceToken)).active, false, 'active');
  });

  await story.step('a revoked refresh token is inactive and unusable, its access token too', async () => {
    await web.revoke(refreshed.refresh_token);
    same((await web.introspect(refreshed.refresh_token)).active, false, 'active of the refresh token');
    await refused(web.refresh(refreshed.refresh_token), 'invalid_grant');
    same((await api.introspect(refreshed.access_token)).active, false, 'active of the access token');
  });

  return { browser, project, serviceToken };
}

/** The application ends the session that its ID token is of. */
async function signingOut({ web: client }, { web }, { browser }) {
  const tokens = await story.step('prompt=none signs in by the session', () => web.signInSilently(browser));

  return story.step('end session leads back and leaves nothing alive', async () => {
    const state = oidc.randomState();
    const url = oidc.buildEndSessionUrl(web.config, {
      id_token_hint: tokens.id_token,
      post_logout_redirect_uri: client.post_logout_redirect_uri,
      state,
    });
    const oldCookies = browser.copy();
    const { left } = await browser.open(url);
    same(left?.href, `${client.post_logout_redirect_uri}?state=${state}`, 'the address led to');
    await refused(web.signInSilently(browser), 'login_required');
    await refused(web.signInSilently(oldCookies), 'login_required');
    await refused(web.refresh(tokens.refresh_token), 'invalid_grant');
    return oldCookies;
  });
}

/** The public client: no secret, PKCE alone. */
async function singlePage({ issuer, user }, { spa }) {
  await story.step('the single-page application signs in, refreshes and revokes', async () => {
    const tokens = await spa.signIn(new Browser(issuer), user);
    const next = await spa.refresh(tokens.refresh_token);
    await spa.userinfo(next, next.claims().sub);
    await spa.revoke(next.refresh_token);
    await refused(spa.refresh(next.refresh_token), 'invalid_grant');
  });
}

/** What must outlive the node. */
async function acknowledged({ issuer, user }, { web }) {
  return story.step('sign-in again; a rotated refresh token to keep, a revoked one', async () => {
    const session = new Browser(issuer);
    const { refresh_token: first } = await web.signIn(session, user);
    const tokens = await web.refresh(first);
    const { refresh_token: revoked } = await web.signInSilently(session);
    await web.revoke(revoked);
    return { session, tokens, revoked };
  });
}

async function afterTheKill(demoed, { web, api }, keys, { project, serviceToken, ended, session, tokens, revoked }) {
  await story.step('credentials and signing keys are the same', async () => {
    // Processes are other ones.
    const lasting = (all) => JSON.stringify(all, (key, value) => (key === 'pid' ? undefined : value));
    same(lasting(await demo.credentials()), lasting(demoed), 'what the demo wrote down');
    same((await signingKeys(web)).ids, keys.ids, 'the list of keys');
  });

  await story.step('the session signs in silently', async () => {
    const { sub, sid } = (await web.signInSilently(session)).claims();
    same(sub, tokens.claims().sub, 'sub');
    same(sid, tokens.claims().sid, 'sid');
  });

  await story.step('the session that was ended stays ended', () =>
    refused(web.signInSilently(ended), 'login_required'),
  );

  await story.step('an access token from before is verified and active', async () => {
    await verifyAccessToken(web, tokens.access_token, project);
    same((await api.introspect(tokens.access_token)).active, true, 'active');
    await web.userinfo(tokens, tokens.claims().sub);
  });

  await story.step('what was revoked stays revoked', async () => {
    same((await api.introspect(serviceToken)).active, false, 'active of the access token');
    same((await web.introspect(revoked)).active, false, 'active of the refresh token');
    await refused(web.refresh(revoked), 'invalid_grant');
  });

  await story.step('a refresh token advances once, gives the same answer again once, then is theft', async () => {
    const next = await web.refresh(tokens.refresh_token);
    const again = await web.refresh(tokens.refresh_token);
    same(again.refresh_token, next.refresh_token, 'the successor');
    await refused(web.refresh(tokens.refresh_token), 'invalid_grant');
    await refused(web.refresh(next.refresh_token), 'invalid_grant');
    same((await api.introspect(again.access_token)).active, false, 'active of the family');
  });

  await story.step('the password still signs in', () => web.signIn(new Browser(demoed.issuer), demoed.user));
}

/** The whole flow with every request on the same node, whichever leads. */
async function throughOneNode({ issuer, user }, { web, api }, node) {
  await story.step(`everything through node ${node}`, async () => {
    const response = await fetch(`${issuer}/oauth/v2/keys`, { headers: pin(node) });
    same(response.headers.get('conclave-served-by'), String(node), 'Conclave-Served-By');
    const browser = new Browser(issuer);
    browser.node = node;
    const tokens = await web.at(node).signIn(browser, user);
    const next = await web.refresh(tokens.refresh_token);
    same((await api.at(node).introspect(next.access_token)).active, true, 'active');
    await web.userinfo(next, tokens.claims().sub);
    await web.revoke(next.refresh_token);
    same((await api.introspect(next.access_token)).active, false, 'active after the revocation');
    web.at(null);
    api.at(null);
  });
}

/** What one node has done holds on every other one. */
async function acrossNodes({ issuer, user, nodes }, { web, api, robot }, project) {
  const [one, two, three] = nodes.map(({ node }) => node);

  await story.step(`sign-in begun on node ${one}, finished on ${two}, its code redeemed on ${three}`, async () => {
    const { url, checks } = await web.request();
    const browser = new Browser(issuer);
    browser.node = one;
    const page = await browser.open(url);
    browser.node = two;
    const answer = await browser.submit(page, user, 'login-submit');
    const tokens = await web.at(three).redeem(answer, checks);
    for (const node of [one, two, three]) {
      same((await api.at(node).introspect(tokens.access_token)).active, true, `active on node ${node}`);
    }
    const again = web.at(one).redeem(answer, checks);
    await refused(again, 'invalid_grant');
    same((await api.at(two).introspect(tokens.access_token)).active, false, 'active after the code was replayed');
  });

  await story.step(`a client_credentials token of node ${one} is accepted on ${two} at once`, async () => {
    const scope = `openid urn:zitadel:iam:org:project:id:${project}:aud`;
    const { access_token } = await oidc.clientCredentialsGrant(robot.at(one).config, { scope });
    same((await api.at(two).introspect(access_token)).active, true, 'active');
    await robot.at(three).revoke(access_token);
    // The bound of a node's view is a quarter of a second; nothing older is served.
    await new Promise((resolve) => setTimeout(resolve, BOUND_MS));
    for (const node of [one, two, three]) {
      same((await api.at(node).introspect(access_token)).active, false, `active on node ${node}`);
    }
  });
  for (const application of [web, api, robot]) application.at(null);
}

/** The leader dies without a word, and people notice nothing. */
async function leaderKilled(demoed, applications) {
  const killed = await story.step('SIGKILL of the leader', async () => {
    const leader = await leaderOf(demoed.nodes);
    const { pid } = (await demo.credentials()).nodes.find(({ node }) => node === leader);
    process.kill(pid, 'SIGKILL');
    return { note: `node ${leader}`, node: leader, pid };
  });
  const alive = { ...demoed, nodes: demoed.nodes.filter(({ node }) => node !== killed.node) };
  await story.step('another node leads', async () => {
    const leader = await until(() => leaderOf(alive.nodes), (found) => found !== null && found !== killed.node);
    return { note: `node ${leader}` };
  });
  const life = await lifeOfTokens(demoed, applications);
  await signingOut(demoed, applications, life);

  await story.step('the killed node comes back and catches up', async () => {
    const { operations } = demoed.nodes.find(({ node }) => node === killed.node);
    await until(() => json(`${operations}/ready`).catch(() => ({})), ({ ready }) => ready === true);
    const { nodes } = await demo.credentials();
    must(nodes.find(({ node }) => node === killed.node).pid !== killed.pid, 'it has the same process id');
    await until(
      async () => (await json(`${operations}/cluster`)).members,
      (members) => members.length === demoed.nodes.length && members.every(({ lag }) => lag === 0),
    );
  });
  await throughOneNode(demoed, applications, killed.node);
}

/** Who leads, as most of these nodes see it. */
async function leaderOf(nodes) {
  const seen = await Promise.all(
    nodes.map(({ operations }) => json(`${operations}/cluster`).then(({ leader }) => leader, () => null)),
  );
  const leads = seen.filter((leader) => seen.filter((other) => other === leader).length > nodes.length / 2);
  return leads[0] ?? null;
}

/** Asks again until the answer is as wanted; the step's own deadline ends it otherwise. */
async function until(ask, isRight) {
  for (;;) {
    const answer = await ask();
    if (isRight(answer)) return answer;
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

async function json(url) {
  const response = await fetch(url);
  return response.json();
}

/** What a resource server does that asks nobody. */
function verifyAccessToken({ config }, token, audience) {
  const request = new Request('http://api.localhost/', { headers: { authorization: `Bearer ${token}` } });
  return oauth.validateJwtAccessToken(config.serverMetadata(), request, audience, {
    [oauth.allowInsecureRequests]: true,
  });
}

/** OpenID Connect Core §3.1.3.6, for ES256. */
function halfHash(text) {
  return createHash('sha256').update(text).digest().subarray(0, 16).toString('base64url');
}

function claimsOf(token) {
  return JSON.parse(Buffer.from(token.split('.')[1], 'base64url').toString());
}

async function text(url) {
  const response = await fetch(url);
  const body = await response.text();
  must(response.ok, `${url} answers ${response.status}: ${plain(body)}`);
  return body;
}
