//! What a permission is about, and what may be done: the words of `area.verb` in custom roles.

use crate::encoding::Invalid;
use minicbor::{Decode, Decoder, Encode, Encoder, decode, encode};
use std::fmt;

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($variant:ident $word:literal $text:literal;)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum $name { $(#[doc = $text] $variant,)* }

        impl $name {
            /// Every one, in the order of the table.
            pub const ALL: &'static [$name] = &[$($name::$variant),*];
            /// The word for it.
            pub fn word(self) -> &'static str {
                match self { $($name::$variant => $word,)* }
            }
            /// The one with this word.
            pub fn from_word(word: &str) -> Option<$name> {
                match word { $($word => Some($name::$variant),)* _ => None }
            }
        }
    };
}

words! {
    /// What a permission is about.
    Area {
        System "system" "Instances and their domains: whoever runs the cluster.";
        Instance "iam" "The instance itself.";
        InstanceSettings "iam.policy" "Settings of the instance, and the defaults of its organizations.";
        InstanceAdministrator "iam.member" "Administrators of the whole instance.";
        CustomRole "iam.role" "Roles of administrators that the instance has made itself.";
        Organization "org" "Organizations and their metadata.";
        OrganizationAdministrator "org.member" "Administrators of an organization.";
        Settings "policy" "Settings of an organization.";
        Project "project" "Projects.";
        Role "project.role" "Roles of projects.";
        Application "project.app" "Applications of projects and their secrets.";
        ProjectAdministrator "project.member" "Administrators of a project.";
        ProjectGrant "project.grant" "Which organizations a project is granted to.";
        ProjectGrantAdministrator "project.grant.member" "Administrators of a granted project.";
        User "user" "Users, people and service accounts, and their metadata.";
        Credential "user.credential" "Passwords, secrets, keys and tokens of users.";
        Authorization "user.grant" "Who holds which roles of a project.";
        OwnAccount "user.self" "The caller's own account.";
        Group "group" "Groups and their members.";
        Session "session" "Sessions of others.";
        Events "events" "The audit trail.";
        Impersonation "impersonation" "Acting as a user who governs nothing.";
        AdminImpersonation "admin.impersonation" "Acting as an administrator.";
    }
}

words! {
    /// What may be done.
    Verb {
        Read "read" "See.";
        Create "create" "Create.";
        Write "write" "Change.";
        Delete "delete" "Delete.";
    }
}

/// An area and a verb, as custom roles name them: `project.role.write`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Permission {
    /// What it is about.
    pub area: Area,
    /// What may be done.
    pub verb: Verb,
}

impl Permission {
    /// Parses `area.verb`.
    pub fn parse(text: &str) -> Result<Permission, Invalid> {
        let (area, verb) = text.rsplit_once('.').unwrap_or_default();
        match (Area::from_word(area), Verb::from_word(verb)) {
            (Some(area), Some(verb)) => Ok(Permission { area, verb }),
            (None, _) | (_, None) => Err(Invalid(
                "a permission is an area and a verb, such as project.role.write; the documentation of the \
                 API lists them",
            )),
        }
    }
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.area.word(), self.verb.word())
    }
}

impl<C> Encode<C> for Permission {
    fn encode<W: encode::Write>(&self, e: &mut Encoder<W>, _: &mut C) -> Result<(), encode::Error<W::Error>> {
        e.str(&self.to_string())?.ok()
    }
}

impl<'b, C> Decode<'b, C> for Permission {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, decode::Error> {
        Permission::parse(d.str()?).map_err(decode::Error::custom)
    }
}

impl serde::Serialize for Permission {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for Permission {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        Permission::parse(&String::deserialize(d)?).map_err(serde::de::Error::custom)
    }
}

impl schemars::JsonSchema for Permission {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Permission".into()
    }
    fn inline_schema() -> bool {
        true
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let all = Area::ALL.iter().flat_map(|area| {
            Verb::ALL.iter().map(|verb| Permission { area: *area, verb: *verb }.to_string())
        });
        schemars::json_schema!({ "type": "string", "enum": all.collect::<Vec<_>>() })
    }
}
