//! Users: people and service accounts of an organization.

pub mod person;

use crate::administrator::{require_all_of_user, require_owner_besides};
use crate::application::Application;
use crate::credential::throttle::is_locked;
use crate::encoding::Stored;
use crate::id::Id;
use crate::label::{Label, labels};
use crate::name::{EmailAddress, LanguageTag, Name, Username};
use crate::organization::Organization;
use crate::permission::Area;
use crate::reader::{Names, Reader, Run};
use crate::record::{Kind, Record};
use crate::refusal::Refusal;
use crate::resource::{Change, Indexes, Resource};
use crate::setting;
use crate::setting::domain::DomainSettings;
use crate::tx::Tx;
use minicbor::{Decode, Encode};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A user of an organization.
#[derive(Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct User {
    /// The name to sign in with, unique in the instance.
    #[n(0)]
    pub username: Username,
    /// A person or a service account.
    #[n(1)]
    pub kind: UserKind,
}

impl std::fmt::Debug for User {
    /// Personal data stays out of logs.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("User")
    }
}

/// What a user is.
#[derive(Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum UserKind {
    /// A person.
    #[n(0)]
    Human(#[n(0)] Profile),
    /// A program: it authenticates with a secret, a key or a personal access token.
    #[n(1)]
    Service {
        /// Shown to administrators.
        #[n(0)]
        name: Name<200>,
    },
}

/// What is known of a person. Everything here is personal data.
#[derive(Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    /// Given name.
    #[n(0)]
    pub given_name: Name<200>,
    /// Family name.
    #[n(1)]
    pub family_name: Name<200>,
    /// The name that is shown, if it is not the two above.
    #[n(2)]
    pub display_name: Option<Name<200>>,
    /// How friends call him.
    #[n(3)]
    pub nick_name: Option<Name<200>>,
    /// His language.
    #[n(4)]
    pub language: Option<LanguageTag>,
    /// His mail address.
    #[n(5)]
    pub email: Option<EmailAddress>,
    /// Whether a mail to it was answered.
    #[n(6)]
    #[serde(default)]
    pub email_verified: bool,
}

impl Profile {
    /// The name that is shown.
    pub fn shown_name(&self) -> String {
        match &self.display_name {
            Some(name) => name.to_string(),
            None => format!("{} {}", self.given_name, self.family_name),
        }
    }
}

impl Stored for User {}

impl Resource for User {
    const KIND: Kind = Kind::User;
    const AREA: Area = Area::User;
    const SEARCH: &'static [&'static str] = &["email", "name", "username"];
    const PERSONAL: &'static [u16] = &[0, 1];
    const FIELDS: &'static [Label] = labels![User: username, kind];
    const DERIVED: &'static [(&'static str, &'static str)] = &[(
        "locked",
        r#"{"type": "boolean", "description": "Whether no password is looked at until somebody unlocks the account."}"#,
    )];
    type Parent = Organization;
    /// The person's key, wrapped by the instance's data key.
    type Birth = person::NewKey;

    fn owner(id: &Id) -> Option<&Id> {
        Some(id)
    }

    fn indexes(&self, to: &mut Indexes<'_>) {
        to.unique(Names::Username, &self.username.folded());
        to.search("username", self.username.as_str());
        match &self.kind {
            UserKind::Human(profile) => {
                to.search("name", &profile.shown_name());
                if let Some(email) = &profile.email {
                    to.search("email", email.as_str());
                }
            }
            UserKind::Service { name } => to.search("name", name.as_str()),
        }
    }

    fn derived(reader: &Reader<'_>, record: &Record<Self>) -> Run<Vec<serde_json::Value>> {
        Ok(vec![is_locked(reader, &record.id)?.into()])
    }

    fn check(change: &Change<'_, Self>) -> Run<()> {
        // Service accounts and applications authenticate by the same id at the same endpoint.
        let is_new = !change.reader.is_taken::<User>(change.id)?;
        if is_new && change.reader.is_taken::<Application>(change.id)? {
            return Err(Refusal::AlreadyExists.into());
        }
        if is_new && is_program(&change.reader, change.id)? {
            return Err(Refusal::IdOfProgram.into());
        }
        if let (Some(before), Some(after)) = (change.before, change.after) {
            // What authenticates a person and what authenticates a program differ: one can't become the other.
            if matches!(before.kind, UserKind::Human(_)) != matches!(after.kind, UserKind::Human(_)) {
                return Err(Refusal::KindFixed.into());
            }
        }
        named_like_nothing_else(change)?;
        named_after_domain(change)?;
        // Who changes somebody's name, address or state must not stand below him.
        require_all_of_user(&change.reader, change.caller, change.id)?;
        if change.needs_an_owner_left() {
            require_owner_besides(&change.reader, change.id)?;
        }
        Ok(())
    }

    fn born(tx: &mut Tx<'_, '_>, id: &Id, birth: person::NewKey) -> Run<()> {
        person::keep(tx, id, birth)
    }

    fn gone(tx: &mut Tx<'_, '_>, id: &Id) -> Run<()> {
        for kind in [Kind::Password, Kind::Throttle, Kind::ClientSecret] {
            tx.remove(kind, id);
        }
        person::erase(tx, id)
    }
}

/// Refuses a service account the username that is the id of something else: it would be taken for that where it proves
/// itself.
fn named_like_nothing_else(change: &Change<'_, User>) -> Run<()> {
    let is_new = |user: &&User| change.before.is_none_or(|before| before.username != user.username);
    let Some(User { username, kind: UserKind::Service { .. } }) = change.after.filter(is_new) else {
        return Ok(());
    };
    let Ok(id) = Id::parse(username.as_str()) else { return Ok(()) };
    let is_another = id != *change.id && change.reader.is_taken::<User>(&id)?;
    if is_another || change.reader.is_taken::<Application>(&id)? {
        return Err(Refusal::UsernameTaken.into());
    }
    Ok(())
}

/// Refuses a new name that the organization's settings do not allow. Who is switched on again keeps the one he had.
fn named_after_domain(change: &Change<'_, User>) -> Run<()> {
    let Some(after) = change.after else { return Ok(()) };
    let stands = change.reader.find::<User>(change.id)?;
    if stands.is_some_and(|stands| stands.spec.username == after.username) {
        return Ok(());
    }
    let settings: DomainSettings = setting::effective(&change.reader, Some(change.parent))?.0;
    let organization = change.reader.existing::<Organization>(change.parent)?;
    if settings.allows(&after.username, &organization.spec.domain) {
        return Ok(());
    }
    Err(Refusal::UsernameNotOfDomain.into())
}

/// Refuses people where a program's credential is concerned.
pub(crate) fn require_service_account(reader: &Reader<'_>, user: &Id) -> Run<Record<User>> {
    let record = reader.existing::<User>(user)?;
    match record.spec.kind {
        UserKind::Service { .. } => Ok(record),
        UserKind::Human(_) => Err(Refusal::NotServiceAccount.into()),
    }
}

/// Whether a service account authenticates by this as its username: as the id of something else it would be taken for that.
pub fn is_program(reader: &Reader<'_>, name: &Id) -> Run<bool> {
    let named = by_login_name(reader, name.as_str())?;
    Ok(named.is_some_and(|user| matches!(user.spec.kind, UserKind::Service { .. })))
}

/// The user who signs in with this name: by username without regard to ASCII case. Unknown, inactive and foreign names
/// all give `None` or a record that does not serve; the caller answers the same to each.
pub fn by_login_name(reader: &Reader<'_>, name: &str) -> Run<Option<Record<User>>> {
    match reader.named(Names::Username, &crate::name::fold(name))? {
        Some(id) => Ok(reader.find::<User>(&id)?),
        None => Ok(None),
    }
}
