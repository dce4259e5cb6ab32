//! The token that a request carries: read, asked for, and renewed before it ends.
//!
//! Renewed tokens are saved before they are used: a refresh token counts once, and losing its successor would end the
//! sign-in. The lock of the profiles keeps two commands from spending the same one.

use super::http::Http;
use super::key_file;
use super::oauth::{self, Grant};
use super::profiles::{Credential, Profiles};
use super::secret_file;
use super::values::without_line_end;
use crate::exit::{Class, Failure, Outcome};
use raft::Clock;

/// A token is renewed when it has this long to live, in seconds: the request has to arrive with it.
const RENEW_SECS: u64 = 30;

/// Where the token comes from.
pub(super) enum Access {
    /// The environment.
    Fixed(String),
    /// A profile.
    Profile {
        /// Where it is.
        profiles: Profiles,
        /// Its name.
        name: String,
        /// The token, and until when it counts.
        held: Option<(String, u64)>,
    },
}

impl Access {
    /// A token that counts now.
    pub(super) async fn token(&mut self, http: &Http, clock: &dyn Clock) -> Outcome<String> {
        let now = clock.wall_ms() / 1000;
        match self {
            Access::Fixed(token) => Ok(token.clone()),
            Access::Profile { held: Some((token, until)), .. } if lasts(*until, now) => Ok(token.clone()),
            Access::Profile { profiles, name, held } => {
                let (token, until) = current(profiles, name, http, now).await?;
                *held = Some((token.clone(), until));
                Ok(token)
            }
        }
    }

    /// Forgets a token that the node does not accept; whether another one could be had.
    pub(super) fn spoil(&mut self, refused: &str) -> Outcome<Spoilt> {
        let Access::Profile { profiles, name, held } = self else { return Ok(Spoilt::ForGood) };
        *held = None;
        profiles.change(|book| {
            let credential = book.profile(name)?.credential.as_mut();
            match credential {
                Some(Credential::Service { access_token, .. } | Credential::Key { access_token, .. }) => {
                    access_token.take_if(|token| token == refused);
                    Ok(Spoilt::Renewable)
                }
                Some(Credential::Person { access_token, expires, refresh_token }) => {
                    if access_token == refused {
                        *expires = 0;
                    }
                    Ok(if refresh_token.is_some() { Spoilt::Renewable } else { Spoilt::ForGood })
                }
                Some(Credential::PersonalToken { .. }) | None => Ok(Spoilt::ForGood),
            }
        })
    }
}

/// What can be done about a token that was not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Spoilt {
    /// Another one can be asked for.
    Renewable,
    /// Somebody has to sign in.
    ForGood,
}

fn lasts(until: u64, now: u64) -> bool {
    until > now.saturating_add(RENEW_SECS)
}

/// The profile's token, renewed if it is about to end.
async fn current(profiles: &Profiles, name: &str, http: &Http, now: u64) -> Outcome<(String, u64)> {
    if let Some(held) = usable(profiles.read()?.profile(name)?.credential.as_ref(), now)? {
        return Ok(held);
    }
    let mut locked = profiles.lock()?;
    let profile = locked.book.profile(name)?;
    // Another command may have renewed it while this one waited.
    if let Some(held) = usable(profile.credential.as_ref(), now)? {
        return Ok(held);
    }
    let signed_out = || {
        let text =
            format_args!("nobody is signed in to {}: `conclave login` with the profile {name}", http.base);
        Failure::new(Class::NotSignedIn, text)
    };
    let credential = profile.credential.as_mut().ok_or_else(signed_out)?;
    let issuer = oauth::discover(http).await?;
    let held = match credential {
        Credential::Person { access_token, expires, refresh_token } => {
            let token = refresh_token.as_deref().ok_or_else(signed_out)?;
            let granted = oauth::tokens(http, &issuer, Grant::Refresh(token)).await.map_err(again)?;
            *access_token = granted.access_token;
            *expires = now.saturating_add(granted.expires_in);
            if granted.refresh_token.is_some() {
                *refresh_token = granted.refresh_token;
            }
            (access_token.clone(), *expires)
        }
        Credential::Service { secret_file, access_token, expires } => {
            let secret = oauth::service_secret(secret_file)?;
            let granted = oauth::tokens(http, &issuer, Grant::Service(&secret)).await?;
            *expires = now.saturating_add(granted.expires_in);
            *access_token = Some(granted.access_token.clone());
            (granted.access_token, *expires)
        }
        Credential::Key { key_file, access_token, expires } => {
            let assertion = key_file::read(key_file)?.assertion(&issuer.issuer, now).await?;
            let granted = oauth::tokens(http, &issuer, Grant::Assertion(&assertion)).await?;
            *expires = now.saturating_add(granted.expires_in);
            *access_token = Some(granted.access_token.clone());
            (granted.access_token, *expires)
        }
        Credential::PersonalToken { .. } => return Err(signed_out()),
    };
    locked.save()?;
    Ok(held)
}

/// What a credential has that counts now.
fn usable(credential: Option<&Credential>, now: u64) -> Outcome<Option<(String, u64)>> {
    Ok(match credential {
        None => None,
        Some(Credential::Person { access_token, expires, .. }) => {
            lasts(*expires, now).then(|| (access_token.clone(), *expires))
        }
        Some(
            Credential::Service { access_token, expires, .. } | Credential::Key { access_token, expires, .. },
        ) => access_token.clone().filter(|_| lasts(*expires, now)).map(|token| (token, *expires)),
        Some(Credential::PersonalToken { token_file }) => {
            Some((without_line_end(secret_file::read(token_file)?.expose()).to_owned(), u64::MAX))
        }
    })
}

fn again(mut failure: Failure) -> Failure {
    if failure.class == Class::NotSignedIn {
        failure.text += ": sign in again with `conclave login`";
    }
    failure
}

#[cfg(test)]
mod tests;
