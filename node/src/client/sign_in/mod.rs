//! `conclave login`, `conclave logout` and `conclave profile …`.
//!
//! A person signs in by his browser: authorization code with PKCE (RFC 8252, RFC 7636). The page that asks for his
//! password is the node's own; this program never sees it.

mod browser;
mod loopback;
mod request;

use super::http::{Answer, Http};
use super::key_file::{self, KeyFile};
use super::oauth::{self, Grant, Issuer};
use super::problem;
use super::profiles::{Book, Credential, DEFAULT, Profile, Profiles, require_name};
use super::secret_file;
use super::surroundings::Surroundings;
use super::values::without_line_end;
use crate::cli::manage::{Login, ProfileCommand, Who};
use crate::clock::SystemClock;
use crate::entropy::SystemEntropy;
use crate::exit::{Class, Failure, Outcome};
use crate::output::{self, say};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, header};
use loopback::Loopback;
use raft::Clock;
use request::Asked;
use serde_json::Value;
use std::path::{Path, PathBuf};

/// Where a node is that was begun without options.
const URL: &str = "http://localhost:8080";
/// Where a browser ends that is elsewhere: nobody listens there, and its address line has the answer.
const NOWHERE: &str = "http://127.0.0.1/callback";

/// `conclave login`
pub(super) async fn login(login: Login, surroundings: &Surroundings) -> Outcome<()> {
    let profiles = Profiles::of(surroundings.profiles_dir()?);
    let name = login.profile.clone().unwrap_or_else(|| DEFAULT.to_owned());
    require_name(&name)?;
    let known = profiles.read()?.profiles.get(&name).map(|profile| profile.url.clone());
    let key = login.key_file.as_deref().map(key_file::read).transpose()?;
    let of_key = key.as_ref().and_then(|key| key.issuer.as_deref());
    let http = Http::of(login.url.as_deref().or(of_key).or(known.as_deref()).unwrap_or(URL))?;
    key.as_ref().map_or(Ok(()), |key| key.require_issuer(&http.base))?;
    let issuer = oauth::discover(&http).await?;
    let credential = match (&login.client_secret_file, login.key_file.as_deref().zip(key), &login.token_file)
    {
        (Some(file), _, _) => service(&http, &issuer, file).await?,
        (None, Some((file, key)), _) => by_key(&http, &issuer, file, &key).await?,
        (None, None, Some(file)) => personal(&http, file).await?,
        (None, None, None) if login.no_browser => person_elsewhere(&http, &issuer).await?,
        (None, None, None) => person(&http, &issuer, surroundings).await?,
    };
    let who = who(&http, &credential).await;
    profiles.change(|book| {
        let profile = Profile { url: http.base.clone(), position: None, credential: Some(credential) };
        book.profiles.insert(name.clone(), profile);
        book.current = Some(name.clone());
        Ok(())
    })?;
    say(format_args!("Signed in to {} as {who}; the current profile is now {name}", http.base));
    Ok(())
}

/// Who it is that signed in, for people. That a node does not tell is no reason to refuse the sign-in.
async fn who(http: &Http, credential: &Credential) -> String {
    let unknown = format!("a {}", credential.name());
    let told = async {
        let token = match credential {
            Credential::Person { access_token, .. } => access_token.clone(),
            Credential::Service { access_token, .. } | Credential::Key { access_token, .. } => {
                access_token.clone()?
            }
            Credential::PersonalToken { token_file } => {
                without_line_end(secret_file::read(token_file).ok()?.expose()).to_owned()
            }
        };
        named(&serde_json::from_slice(&me(http, &token).await.ok()?.body).ok()?)
    };
    told.await.unwrap_or(unknown)
}

/// A user by his name.
fn named(user: &Value) -> Option<String> {
    let kind = if user["kind"].get("service").is_some() { "service account" } else { "person" };
    Some(format!("the {kind} {}", problem::printable(user["username"].as_str()?)))
}

async fn me(http: &Http, token: &str) -> Outcome<Answer> {
    let mut bearer = HeaderValue::from_str(&format!("Bearer {token}"))
        .map_err(|_| Failure::new(Class::NotSignedIn, "the token can't be sent: it is no ASCII text"))?;
    bearer.set_sensitive(true);
    let headers = HeaderMap::from_iter([(header::AUTHORIZATION, bearer)]);
    let answer = http.send(Method::GET, &format!("{}{ME}", http.base), headers, Bytes::new()).await?;
    if answer.status.is_success() { Ok(answer) } else { Err(problem::failure(answer.status, &answer.body)) }
}

/// The token is tried at once: whoever took the wrong file learns it now.
async fn personal(http: &Http, file: &Path) -> Outcome<Credential> {
    let token_file = kept(file)?;
    let token = secret_file::read(&token_file)?;
    let token = without_line_end(token.expose());
    // No header takes anything else.
    if !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        let text = format_args!("{} holds no token: it is no ASCII text", token_file.display());
        return Err(Failure::new(Class::NotSignedIn, text));
    }
    me(http, token).await?;
    Ok(Credential::PersonalToken { token_file })
}

/// The one who asks.
const ME: &str = "/api/v1/users/me";

/// The secret is tried at once: whoever mistyped a path learns it now.
async fn service(http: &Http, issuer: &Issuer, file: &Path) -> Outcome<Credential> {
    let secret_file = kept(file)?;
    let secret = oauth::service_secret(&secret_file)?;
    let granted = oauth::tokens(http, issuer, Grant::Service(&secret)).await?;
    let expires = now().saturating_add(granted.expires_in);
    Ok(Credential::Service { secret_file, access_token: Some(granted.access_token), expires })
}

/// The key is tried at once, as a secret is.
async fn by_key(http: &Http, issuer: &Issuer, file: &Path, key: &KeyFile) -> Outcome<Credential> {
    let path = kept(file)?;
    let assertion = key.assertion(&issuer.issuer, now()).await?;
    let granted = oauth::tokens(http, issuer, Grant::Assertion(&assertion)).await?;
    let expires = now().saturating_add(granted.expires_in);
    Ok(Credential::Key { key_file: path, access_token: Some(granted.access_token), expires })
}

async fn person(http: &Http, issuer: &Issuer, surroundings: &Surroundings) -> Outcome<Credential> {
    let loopback = Loopback::listen().await?;
    let asked = Asked::draw(&SystemEntropy, loopback.redirect());
    let url = asked.url(issuer);
    if surroundings.has_display() && browser::open(&url).is_ok() {
        say(format_args!("Your browser asks you to sign in. If it does not, open this address:\n{url}"));
    } else {
        say(format_args!("Open this address in a browser on this machine (elsewhere: --no-browser):\n{url}"));
    }
    let code = loopback.answer(&asked, issuer).await?;
    redeem(http, issuer, &asked, &code).await
}

async fn person_elsewhere(http: &Http, issuer: &Issuer) -> Outcome<Credential> {
    let asked = Asked::draw(&SystemEntropy, NOWHERE.to_owned());
    say(format_args!("Open this address in a browser:\n{}\n", asked.url(issuer)));
    say("It ends at a page that can't be shown. Copy the address of that page here:");
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).map_err(Failure::other)?;
    let code = match line.trim().split_once('?') {
        Some((address, query)) if address == NOWHERE => asked.code(issuer, query)?,
        Some(_) | None => {
            return Err(Failure::new(Class::Usage, format_args!("the address begins with {NOWHERE}?")));
        }
    };
    redeem(http, issuer, &asked, &code).await
}

async fn redeem(http: &Http, issuer: &Issuer, asked: &Asked, code: &str) -> Outcome<Credential> {
    let grant = Grant::Code { code, verifier: asked.verifier(), redirect: asked.redirect() };
    let granted = oauth::tokens(http, issuer, grant).await?;
    Ok(Credential::Person {
        access_token: granted.access_token,
        expires: now().saturating_add(granted.expires_in),
        refresh_token: granted.refresh_token,
    })
}

fn now() -> u64 {
    SystemClock.wall_ms() / 1000
}

/// The path of a file that later commands read anew. What is gone by then would sign nobody in.
fn kept(file: &Path) -> Outcome<PathBuf> {
    if file.exists() && !file.is_file() {
        let text =
            format_args!("{} does not stay: each command reads it anew, so name a file", file.display());
        return Err(Failure::new(Class::Usage, text));
    }
    std::path::absolute(file).map_err(|error| Failure::new(Class::Usage, error))
}

/// `conclave logout`
pub(super) async fn logout(who: &Who, surroundings: &Surroundings) -> Outcome<()> {
    let profiles = Profiles::of(surroundings.profiles_dir()?);
    let name = profiles.read()?.meant(who.profile.as_deref());
    sign_out(&profiles, &name).await?;
    say(format_args!("Nobody is signed in by the profile {name} any more"));
    Ok(())
}

/// Forgets first: whoever signs out shall be out here even if the node can't be told.
async fn sign_out(profiles: &Profiles, name: &str) -> Outcome<()> {
    let (url, credential) = profiles.change(|book| {
        let profile = book.profile(name)?;
        profile.position = None;
        Ok((profile.url.clone(), profile.credential.take()))
    })?;
    // A service account's secret and a personal token stay where they are, and count on.
    let Some(Credential::Person { refresh_token: Some(token), .. }) = credential else { return Ok(()) };
    let told = async {
        let http = Http::of(&url)?;
        let issuer = oauth::discover(&http).await?;
        oauth::revoke(&http, &issuer, &token).await
    };
    told.await.map_err(|failure| {
        let why = failure.text;
        let text =
            format_args!("the tokens of {name} are forgotten here, but {url} could not be told: {why}");
        Failure::new(failure.class, text)
    })
}

/// `conclave profile …`
pub(super) async fn profile(command: ProfileCommand, surroundings: &Surroundings) -> Outcome<()> {
    let profiles = Profiles::of(surroundings.profiles_dir()?);
    match command {
        ProfileCommand::List { output } => {
            output::rows(output, ["current", "name", "url", "signed in as"], &listed(&profiles.read()?));
        }
        ProfileCommand::Use { name } => {
            profiles.change(|book| {
                book.profile(&name)?;
                book.current = Some(name.clone());
                Ok(())
            })?;
            say(format_args!("The profile {name} is the current one"));
        }
        ProfileCommand::Remove { name } => {
            let told = sign_out(&profiles, &name).await;
            profiles.change(|book| {
                book.profiles.remove(&name);
                book.current.take_if(|current| *current == name);
                Ok(())
            })?;
            told?;
            say(format_args!("The profile {name} is gone"));
        }
    }
    Ok(())
}

fn listed(book: &Book) -> Vec<[String; 4]> {
    let current = book.meant(None);
    let row = |(name, profile): (&String, &Profile)| {
        let mark = if *name == current { "*" } else { "" };
        let kind = profile.credential.as_ref().map_or("nobody", Credential::name);
        [mark.to_owned(), name.clone(), profile.url.clone(), kind.to_owned()]
    };
    book.profiles.iter().map(row).collect()
}

#[cfg(test)]
mod tests;
