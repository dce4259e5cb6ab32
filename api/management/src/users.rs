//! Users, beyond what all resources can: who am I, passwords, secrets, delays, and many at once.

use crate::answer::{self, Answer};
use crate::ask::Ask;
use crate::at::At;
use crate::bulk;
use crate::error::{Problem, internal};
use crate::form::{object, shown, typed};
use crate::noun::already_done;
use crate::route::Route;
use crate::schema;
use api_core::limits::PASSWORD_CHARS_MAX;
use api_core::secrets;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::http::{HeaderMap, Method, StatusCode};
use crypto::Secret;
use identity::credential::secret::{ClientSecret, SetClientSecret, SetServiceSecret};
use identity::credential::throttle::{self, Lock, Throttle, Unlock};
use identity::id::{Hash, Id};
use identity::record::Record;
use identity::refusal::Refusal;
use identity::time::Timestamp;
use identity::user::User;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

type Body = Result<Bytes, BytesRejection>;

/// The routes of this file.
pub fn routes() -> Vec<Route> {
    vec![
        Route::new(Method::GET, "/api/v1/users/me", me)
            .called("get_me", "users")
            .about("Shows the calling user.", "the caller")
            .gives(StatusCode::OK, schema::shown::<User>),
        Route::new(Method::POST, "/api/v1/users/{id}/password", set_password)
            .called("set_password", "users")
            .about("Sets a person's password; his sessions and tokens end.", "user.credential.write")
            .takes(schema::of::<NewPassword>),
        Route::new(Method::POST, "/api/v1/users/{id}/lock", lock)
            .called("lock_user", "users")
            .about("Locks a person's account; his sessions and tokens end.", "user.credential.write"),
        Route::new(Method::POST, "/api/v1/users/{id}/unlock", unlock)
            .called("unlock_user", "users")
            .about("Lifts a lock, or the delay after wrong passwords.", "user.credential.write"),
        Route::new(Method::GET, "/api/v1/users/{id}/lock", show_lock)
            .called("get_user_lock", "users")
            .about(
                "Shows whether an account is locked or delayed, and after how many wrong passwords.",
                "user.read",
            )
            .gives(StatusCode::OK, schema::of::<AccountLock>),
        Route::new(Method::POST, "/api/v1/users/{id}/secret", new_service_secret)
            .called("new_user_secret", "users")
            .about(
                "Gives a service account a new secret, shown once; the old one ends.",
                "user.credential.write",
            )
            .gives(StatusCode::OK, secret_shown),
        Route::new(Method::POST, "/api/v1/applications/{id}/secret", new_client_secret)
            .called("new_application_secret", "applications")
            .about("Gives an application a new secret, shown once; the old one ends.", "project.app.write")
            .gives(StatusCode::OK, secret_shown),
        Route::new(Method::POST, "/api/v1/users/bulk", bulk::create::<User>)
            .called("create_users", "users")
            .about("Creates up to 1,000 users, each with a result of its own.", "user.create")
            .takes(bulk::schema::<User>)
            .gives(StatusCode::OK, bulk::results),
        Route::new(
            Method::POST,
            "/api/v1/authorizations/bulk",
            bulk::create::<identity::authorization::Authorization>,
        )
        .called("create_authorizations", "authorizations")
        .about("Creates up to 1,000 authorizations, each with a result of its own.", "user.grant.create")
        .takes(bulk::schema::<identity::authorization::Authorization>)
        .gives(StatusCode::OK, bulk::results),
    ]
}

fn secret_shown(_: &mut schemars::SchemaGenerator) -> serde_json::Value {
    json!({
        "type": "object",
        "properties": { "client_id": { "type": "string" }, "client_secret": { "type": "string" } },
        "required": ["client_id", "client_secret"],
        "additionalProperties": false,
    })
}

async fn me(ask: Ask) -> Result<Answer, Problem> {
    let id = ask.user().cloned().ok_or(Refusal::NotFound)?;
    let record = ask.eyes().find::<User>(&id)?;
    Ok(answer::read(&ask.view, shown(&ask.reader(), &record)?).tagged(record.revision))
}

/// A new password.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct NewPassword {
    /// 1 to 200 characters; the instance's settings may ask for more.
    #[schemars(length(min = 1, max = 200))]
    password: String,
}

async fn set_password(ask: Ask, at: At, headers: HeaderMap, body: Body) -> Result<Answer, Problem> {
    let body = body?;
    let NewPassword { password } = typed(object(&headers, &body)?)?;
    if !(1..=PASSWORD_CHARS_MAX).contains(&password.chars().count()) {
        return Err(Problem::field("password", "a password has 1 to 200 characters"));
    }
    let user = found_user(&ask, &at)?;
    let (instance, password) = (ask.tenant.instance, Secret::new(password));
    let command = ask.service.new_password(instance, &ask.caller, &user.id, password).await?;
    let done = ask.submit(&command, &body).await?;
    Ok(answer::nothing(done.position))
}

/// A user whom the caller sees, at the revision that he has read.
fn found_user(ask: &Ask, at: &At) -> Result<Record<User>, Problem> {
    let user = ask.eyes().find::<User>(&at.id()?)?;
    ask.require_revision(user.revision)?;
    Ok(user)
}

/// Whether passwords are looked at.
#[derive(Serialize, JsonSchema)]
struct AccountLock {
    /// Whether it stays so until somebody unlocks it.
    locked: bool,
    /// Until when no password is looked at; null if one is looked at now, or if it is locked.
    until: Option<Timestamp>,
    /// Wrong passwords since the last right one.
    failures: u32,
}

async fn show_lock(ask: Ask, at: At) -> Result<Answer, Problem> {
    let user = ask.eyes().find::<User>(&at.id()?)?;
    let reader = ask.reader();
    let locked = throttle::is_locked(&reader, &user.id)?;
    let until = throttle::delayed(&reader, &user.id)?.filter(|_| !locked);
    let failures = reader.row::<Throttle>(&user.id)?.map_or(0, |throttle| throttle.failures);
    let shown = AccountLock { locked, until, failures };
    Ok(answer::read(&ask.view, serde_json::to_value(shown).map_err(internal)?))
}

async fn lock(ask: Ask, at: At) -> Result<Answer, Problem> {
    let user = found_user(&ask, &at)?.id;
    let done = ask.submit(&Lock { user }, b"").await?;
    Ok(answer::nothing(done.position))
}

async fn unlock(ask: Ask, at: At) -> Result<Answer, Problem> {
    let user = found_user(&ask, &at)?.id;
    let done = ask.submit(&Unlock { user }, b"").await?;
    Ok(answer::nothing(done.position))
}

async fn new_service_secret(ask: Ask, at: At) -> Result<Answer, Problem> {
    let user = found_user(&ask, &at)?.id;
    let (secret, hash) = secrets::mint(secrets::CLIENT_SECRET, &*ask.service.entropy);
    let done = ask.submit(&SetServiceSecret { user: user.clone(), hash }, b"").await?;
    shown_once(&ask, done.position, &user, (secret, hash)).await
}

async fn new_client_secret(ask: Ask, at: At) -> Result<Answer, Problem> {
    let application = ask.eyes().find::<identity::application::Application>(&at.id()?)?;
    ask.require_revision(application.revision)?;
    let application = application.id;
    let (secret, hash) = secrets::mint(secrets::CLIENT_SECRET, &*ask.service.entropy);
    let done = ask.submit(&SetClientSecret { application: application.clone(), hash }, b"").await?;
    shown_once(&ask, done.position, &application, (secret, hash)).await
}

/// A secret that this very request has set; of a repetition nothing is shown, because the secret was another.
async fn shown_once(
    ask: &Ask,
    position: api_core::Position,
    owner: &Id,
    (secret, hash): (Secret<String>, Hash),
) -> Result<Answer, Problem> {
    let view = ask.after(position).await?;
    let reader = view.reader(ask.tenant.instance);
    let kept = reader.row::<ClientSecret>(owner).map_err(internal)?;
    if !kept.is_some_and(|kept| kept.hash.same(&hash)) {
        return Err(already_done(owner));
    }
    Ok(answer::read(&view, json!({ "client_id": owner, "client_secret": secret.expose() })))
}
