//! Applications: OAuth 2 and OpenID Connect clients of a project. The id is the client id.

pub mod redirect_uri;

use crate::encoding::Stored;
use crate::envelope::Caller;
use crate::id::Id;
use crate::label::{Label, labels};
use crate::name::Name;
use crate::permission::{Area, Verb, Within, require};
use crate::project::{OWN_PROJECT, Project};
use crate::reader::{Reader, Run};
use crate::record::Kind;
use crate::refusal::Refusal;
use crate::resource::{Change, Indexes, Resource};
use crate::several::Several;
use crate::tx::Tx;
use crate::user::{User, is_program};
use minicbor::{Decode, Encode};
use redirect_uri::{RedirectUri, Scheme};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What kind of program an application is (RFC 6749 §2.1, RFC 8252, BCP on browser-based apps).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, Serialize, Deserialize, JsonSchema)]
#[cbor(index_only)]
#[serde(rename_all = "snake_case")]
pub enum ApplicationKind {
    /// Runs on a server.
    #[n(0)]
    Web,
    /// Runs in a browser; keeps no secret.
    #[n(1)]
    SinglePage,
    /// Runs on a person's device; keeps no secret.
    #[n(2)]
    Native,
    /// A resource server: it introspects tokens and signs nobody in.
    #[n(3)]
    Api,
}

/// How an application authenticates at the token endpoint: by this method and no other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, Serialize, Deserialize, JsonSchema)]
#[cbor(index_only)]
#[serde(rename_all = "snake_case")]
pub enum ClientAuth {
    /// Not at all: a public client, proven by PKCE.
    #[n(0)]
    None,
    /// `client_secret_basic`.
    #[n(1)]
    Basic,
    /// `client_secret_post`.
    #[n(2)]
    Post,
}

/// With which algorithm an application's tokens are signed.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Encode,
    Decode,
    Serialize,
    Deserialize,
    JsonSchema,
)]
#[cbor(index_only)]
pub enum TokenAlg {
    /// ECDSA on P-256.
    #[n(0)]
    #[default]
    #[serde(rename = "ES256")]
    Es256,
    /// RSA PKCS #1 v1.5.
    #[n(1)]
    #[serde(rename = "RS256")]
    Rs256,
}

impl TokenAlg {
    /// Every algorithm.
    pub const ALL: [TokenAlg; 2] = [TokenAlg::Es256, TokenAlg::Rs256];
}

/// An application.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Application {
    /// Shown on the sign-in page.
    #[n(0)]
    pub name: Name<200>,
    /// Fixed after creation.
    #[n(1)]
    pub kind: ApplicationKind,
    /// How it authenticates.
    #[n(2)]
    pub auth: ClientAuth,
    /// Where a response may go: at most 50, compared character by character.
    #[n(3)]
    #[serde(default)]
    pub redirect_uris: Several<RedirectUri, 0, 50>,
    /// Where a browser may go after signing out: at most 50.
    #[n(4)]
    #[serde(default)]
    pub post_logout_redirect_uris: Several<RedirectUri, 0, 50>,
    /// Whether refresh tokens are given for `offline_access`.
    #[n(5)]
    #[serde(default)]
    pub refresh: bool,
    /// With which algorithm its tokens are signed: ES256 if nothing is said.
    #[n(6)]
    #[serde(default)]
    pub alg: TokenAlg,
    /// Puts the user's roles into access tokens and introspection.
    #[n(7)]
    #[serde(default)]
    pub access_token_roles: bool,
    /// Puts the user's roles into ID tokens.
    #[n(8)]
    #[serde(default)]
    pub id_token_roles: bool,
    /// Puts profile claims into ID tokens, for clients that never ask userinfo.
    #[n(9)]
    #[serde(default)]
    pub id_token_userinfo: bool,
    /// Lets a confidential client go without PKCE. Public ones never can.
    #[n(10)]
    #[serde(default)]
    pub pkce_optional: bool,
}

impl Stored for Application {}

impl Resource for Application {
    const KIND: Kind = Kind::Application;
    const AREA: Area = Area::Application;
    const SEARCH: &'static [&'static str] = &["name"];
    const FIELDS: &'static [Label] = labels![Application: name, kind, auth, redirect_uris, post_logout_redirect_uris, refresh, alg, access_token_roles, id_token_roles, id_token_userinfo, pkce_optional];
    type Parent = Project;
    type Birth = ();

    fn indexes(&self, to: &mut Indexes<'_>) {
        to.search("name", self.name.as_str());
    }

    fn check(change: &Change<'_, Self>) -> Run<()> {
        let is_new = !change.reader.is_taken::<Application>(change.id)?;
        // With a user's id it would share his secret, and could be taken for him; audiences name projects as well.
        if is_new
            && (change.reader.is_taken::<User>(change.id)? || change.reader.is_taken::<Project>(change.id)?)
        {
            return Err(Refusal::AlreadyExists.into());
        }
        if is_new && is_program(&change.reader, change.id)? {
            return Err(Refusal::IdOfProgram.into());
        }
        guard_own(&change.reader, change.caller, change.parent)?;
        let Some(after) = change.after else { return Ok(()) };
        if change.before.is_some_and(|before| before.kind != after.kind) {
            return Err(Refusal::KindFixed.into());
        }
        Ok(after.goes_together()?)
    }

    fn gone(tx: &mut Tx<'_, '_>, id: &Id) -> Run<()> {
        tx.remove(Kind::ClientSecret, id);
        Ok(())
    }
}

/// Refuses whoever does not govern the instance where an application of the instance's own project is concerned: it gets
/// tokens that govern in the name of whoever signs in to it.
pub fn guard_own(reader: &Reader<'_>, caller: &Caller, project: &Id) -> Run<()> {
    if project.as_str() == OWN_PROJECT {
        return require(reader, caller, Area::InstanceAdministrator, Verb::Write, &Within::Instance);
    }
    Ok(())
}

impl Application {
    /// Whether it keeps no secret.
    pub fn is_public(&self) -> bool {
        self.auth == ClientAuth::None
    }

    /// Whether its authorization requests must carry a code challenge.
    pub fn needs_pkce(&self) -> bool {
        self.is_public() || !self.pkce_optional
    }

    /// Whether a response may go there: equal to a registered one, character by character. A native application's
    /// loopback address may name any port (RFC 8252 §7.3).
    pub fn accepts_redirect(&self, uri: &str) -> bool {
        self.redirect_uris.iter().any(|registered| {
            registered.as_str() == uri
                || (self.kind == ApplicationKind::Native && registered.same_but_loopback_port(uri))
        })
    }

    /// Refuses values that do not fit the kind of application, or each other.
    fn goes_together(&self) -> Result<(), Refusal> {
        let fits = |uri: &RedirectUri| match (self.kind, uri.scheme()) {
            (
                ApplicationKind::Web | ApplicationKind::SinglePage | ApplicationKind::Native,
                Scheme::Https | Scheme::Loopback,
            ) => true,
            (ApplicationKind::Native, Scheme::PrivateUse) => true,
            (ApplicationKind::Web | ApplicationKind::SinglePage, Scheme::PrivateUse) => false,
            (ApplicationKind::Api, Scheme::Https | Scheme::Loopback | Scheme::PrivateUse) => false,
        };
        let auth_fits = match self.kind {
            ApplicationKind::Web => true,
            ApplicationKind::SinglePage | ApplicationKind::Native => self.is_public(),
            ApplicationKind::Api => !self.is_public(),
        };
        let rules = [
            (self.redirect_uris.iter().all(fits), Refusal::RedirectUriNotOfKind),
            (self.post_logout_redirect_uris.iter().all(fits), Refusal::LogoutUriNotOfKind),
            (auth_fits, Refusal::AuthNotOfKind),
            (self.kind != ApplicationKind::Api || !self.refresh, Refusal::RefreshNotOfKind),
            (!self.is_public() || !self.pkce_optional, Refusal::PkceNeeded),
        ];
        rules.into_iter().find(|(holds, _)| !holds).map_or(Ok(()), |(_, refusal)| Err(refusal))
    }
}
