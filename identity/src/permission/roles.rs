//! The built-in roles of administrators (ZITADEL's names): where each may be held, and what it may do there and below.
//!
//! What a role does not list, it may not do. The golden file `permissions.txt` shows the whole table, so that an area
//! which is added meets every role's reader.

use crate::permission::Within;
use crate::permission::area::{Area, Permission, Verb};
use minicbor::{Decode, Encode};
use serde::{Deserialize, Serialize};

macro_rules! roles {
    ($($number:literal $variant:ident $name:literal $level:ident $text:literal;)*) => {
        /// A built-in role of an administrator.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode, Serialize, Deserialize)]
        #[cbor(index_only)]
        pub enum AdministratorRole { $(#[doc = $text] #[serde(rename = $name)] #[n($number)] $variant,)* }

        impl AdministratorRole {
            /// Every one.
            pub const ALL: &'static [AdministratorRole] = &[$(AdministratorRole::$variant),*];
            /// Its name.
            pub fn name(self) -> &'static str {
                match self { $(AdministratorRole::$variant => $name,)* }
            }
            /// What it is for.
            pub fn about(self) -> &'static str {
                match self { $(AdministratorRole::$variant => $text,)* }
            }
            /// At which places it may be held.
            pub fn level(self) -> Level {
                match self { $(AdministratorRole::$variant => Level::$level,)* }
            }
        }
    };
}

/// At which places a role may be held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// By whoever runs the cluster, through the socket of a node; nobody is made one.
    System,
    /// An instance.
    Instance,
    /// An organization.
    Organization,
    /// A project.
    Project,
    /// A granted project.
    ProjectGrant,
}

roles! {
    0 IamOwner "IAM_OWNER" Instance "Everything in the instance.";
    1 OrgOwner "ORG_OWNER" Organization "Everything in one organization.";
    2 ProjectOwner "PROJECT_OWNER" Project "Everything in one project.";
    3 SystemOwner "SYSTEM_OWNER" System "All instances.";
    4 SystemOwnerViewer "SYSTEM_OWNER_VIEWER" System "Sees all instances.";
    5 IamOwnerViewer "IAM_OWNER_VIEWER" Instance "Sees everything in the instance.";
    6 IamOrgManager "IAM_ORG_MANAGER" Instance "All organizations, but no settings of the instance.";
    7 IamUserManager "IAM_USER_MANAGER" Instance "All users and their authorizations.";
    8 IamAdminImpersonator "IAM_ADMIN_IMPERSONATOR" Instance "Will act as anybody, once there is impersonation.";
    9 IamEndUserImpersonator "IAM_END_USER_IMPERSONATOR" Instance "Will act as users who govern nothing, once there is impersonation.";
    10 IamLoginClient "IAM_LOGIN_CLIENT" Instance "What a sign-in application of one's own needs.";
    11 OrgOwnerViewer "ORG_OWNER_VIEWER" Organization "Sees everything in one organization.";
    12 OrgUserManager "ORG_USER_MANAGER" Organization "Users, their authorizations and sessions.";
    13 OrgSettingsManager "ORG_SETTINGS_MANAGER" Organization "Settings of one organization.";
    14 OrgUserPermissionEditor "ORG_USER_PERMISSION_EDITOR" Organization "Authorizations.";
    15 OrgProjectPermissionEditor "ORG_PROJECT_PERMISSION_EDITOR" Organization "Project grants and authorizations.";
    16 OrgProjectCreator "ORG_PROJECT_CREATOR" Organization "Creates projects and owns those.";
    17 OrgAdminImpersonator "ORG_ADMIN_IMPERSONATOR" Organization "Will act as anybody of one organization, once there is impersonation.";
    18 OrgEndUserImpersonator "ORG_END_USER_IMPERSONATOR" Organization "Will act as its users who govern nothing, once there is impersonation.";
    19 OrgUserSelfManager "ORG_USER_SELF_MANAGER" Organization "Reads settings, may delete the own account.";
    20 ProjectOwnerViewer "PROJECT_OWNER_VIEWER" Project "Sees everything in one project.";
    21 ProjectOwnerGlobal "PROJECT_OWNER_GLOBAL" Project "As PROJECT_OWNER, for projects of the global organization.";
    22 ProjectOwnerViewerGlobal "PROJECT_OWNER_VIEWER_GLOBAL" Project "As PROJECT_OWNER_VIEWER, for the global organization.";
    23 ProjectGrantOwner "PROJECT_GRANT_OWNER" ProjectGrant "Gives the roles of a granted project.";
    24 ProjectGrantOwnerViewer "PROJECT_GRANT_OWNER_VIEWER" ProjectGrant "Sees who holds the roles of a granted project.";
    25 SelfManagementGlobal "SELF_MANAGEMENT_GLOBAL" Instance "Creates organizations and owns those; may delete the own account.";
}

/// What is allowed in one area.
type Line = (Area, &'static [Verb]);

const R: &[Verb] = &[Verb::Read];
const ALL: &[Verb] = &[Verb::Read, Verb::Create, Verb::Write, Verb::Delete];

const SYSTEM: &[Line] = &[(Area::System, ALL)];
const SYSTEM_SEEN: &[Line] = &[(Area::System, R)];

const INSTANCE: &[Line] = &[
    (Area::Instance, ALL),
    (Area::InstanceSettings, ALL),
    (Area::InstanceAdministrator, ALL),
    (Area::CustomRole, ALL),
    (Area::Impersonation, ALL),
    (Area::AdminImpersonation, ALL),
];
const INSTANCE_SEEN: &[Line] = &[
    (Area::Instance, R),
    (Area::InstanceSettings, R),
    (Area::InstanceAdministrator, R),
    (Area::CustomRole, R),
];
const ORGANIZATION: &[Line] = &[
    (Area::Organization, ALL),
    (Area::OrganizationAdministrator, ALL),
    (Area::Settings, ALL),
    (Area::Project, ALL),
    (Area::Role, ALL),
    (Area::Application, ALL),
    (Area::ProjectAdministrator, ALL),
    (Area::ProjectGrant, ALL),
    (Area::ProjectGrantAdministrator, ALL),
    (Area::User, ALL),
    (Area::Credential, ALL),
    (Area::Authorization, ALL),
    (Area::OwnAccount, ALL),
    (Area::Group, ALL),
    (Area::Session, ALL),
    (Area::Events, R),
];
const ORGANIZATION_SEEN: &[Line] = &[
    (Area::Organization, R),
    (Area::OrganizationAdministrator, R),
    (Area::Settings, R),
    (Area::Project, R),
    (Area::Role, R),
    (Area::Application, R),
    (Area::ProjectAdministrator, R),
    (Area::ProjectGrant, R),
    (Area::ProjectGrantAdministrator, R),
    (Area::User, R),
    (Area::Credential, R),
    (Area::Authorization, R),
    (Area::Group, R),
    (Area::Session, R),
    (Area::Events, R),
];
const USERS: &[Line] = &[
    (Area::Organization, R),
    (Area::Settings, R),
    (Area::Project, R),
    (Area::Role, R),
    (Area::ProjectGrant, R),
    (Area::User, ALL),
    (Area::Credential, ALL),
    (Area::Authorization, ALL),
    (Area::Group, ALL),
    (Area::Session, ALL),
];
const LOGIN_CLIENT: &[Line] = &[
    (Area::Instance, R),
    (Area::InstanceSettings, R),
    (Area::Organization, R),
    (Area::Settings, R),
    (Area::Project, R),
    (Area::Role, R),
    (Area::Application, R),
    (Area::Authorization, R),
    (Area::User, &[Verb::Read, Verb::Create, Verb::Write]),
    (Area::Credential, &[Verb::Read, Verb::Create, Verb::Write]),
    (Area::Session, ALL),
];
const PROJECT: &[Line] = &[
    (Area::Project, ALL),
    (Area::Role, ALL),
    (Area::Application, ALL),
    (Area::ProjectAdministrator, ALL),
    (Area::ProjectGrant, ALL),
    (Area::ProjectGrantAdministrator, ALL),
    (Area::Authorization, ALL),
];
const PROJECT_SEEN: &[Line] = &[
    (Area::Project, R),
    (Area::Role, R),
    (Area::Application, R),
    (Area::ProjectAdministrator, R),
    (Area::ProjectGrant, R),
    (Area::ProjectGrantAdministrator, R),
    (Area::Authorization, R),
];
const GRANT: &[Line] =
    &[(Area::ProjectGrant, R), (Area::ProjectGrantAdministrator, ALL), (Area::Authorization, ALL)];
const GRANT_SEEN: &[Line] =
    &[(Area::ProjectGrant, R), (Area::ProjectGrantAdministrator, R), (Area::Authorization, R)];
const SETTINGS: &[Line] = &[(Area::Organization, R), (Area::Settings, ALL)];
const AUTHORIZATIONS: &[Line] = &[
    (Area::Organization, R),
    (Area::Project, R),
    (Area::Role, R),
    (Area::ProjectGrant, R),
    (Area::User, R),
    (Area::Authorization, ALL),
];
const GRANTS: &[Line] = &[
    (Area::Organization, R),
    (Area::Project, R),
    (Area::Role, R),
    (Area::User, R),
    (Area::ProjectGrant, ALL),
    (Area::ProjectGrantAdministrator, ALL),
    (Area::Authorization, ALL),
];
const PROJECT_CREATOR: &[Line] = &[(Area::Organization, R), (Area::Project, &[Verb::Create])];
const ORGANIZATION_CREATOR: &[Line] = &[(Area::Organization, &[Verb::Create])];
const SELF: &[Line] = &[(Area::Settings, R), (Area::OwnAccount, ALL)];
const AS_ADMIN: &[Line] = &[(Area::Impersonation, ALL), (Area::AdminImpersonation, ALL)];
const AS_USER: &[Line] = &[(Area::Impersonation, ALL)];

impl AdministratorRole {
    /// The role of this name.
    pub fn from_name(name: &str) -> Option<AdministratorRole> {
        AdministratorRole::ALL.iter().copied().find(|role| role.name() == name)
    }

    /// Whether the role may be held at such a place.
    pub fn fits(self, within: &Within) -> bool {
        match within {
            Within::Instance => self.level() == Level::Instance,
            Within::Organization(_) => self.level() == Level::Organization,
            Within::Project(_) => self.level() == Level::Project,
            Within::ProjectGrant(_) => self.level() == Level::ProjectGrant,
        }
    }

    /// Whether the role may do this at the place where it is held, and below.
    pub fn allows(self, area: Area, verb: Verb) -> bool {
        self.lines().iter().copied().flatten().any(|(listed, verbs)| *listed == area && verbs.contains(&verb))
    }

    /// All that it allows.
    pub fn permissions(self) -> impl Iterator<Item = Permission> {
        let lines = self.lines().iter().copied().flatten();
        lines.flat_map(|(area, verbs)| verbs.iter().map(|verb| Permission { area: *area, verb: *verb }))
    }

    fn lines(self) -> &'static [&'static [Line]] {
        match self {
            AdministratorRole::SystemOwner => &[SYSTEM],
            AdministratorRole::SystemOwnerViewer => &[SYSTEM_SEEN],
            AdministratorRole::IamOwner => &[INSTANCE, ORGANIZATION],
            AdministratorRole::IamOwnerViewer => &[INSTANCE_SEEN, ORGANIZATION_SEEN],
            AdministratorRole::IamOrgManager | AdministratorRole::OrgOwner => &[ORGANIZATION],
            AdministratorRole::OrgOwnerViewer => &[ORGANIZATION_SEEN],
            AdministratorRole::IamUserManager | AdministratorRole::OrgUserManager => &[USERS],
            AdministratorRole::IamLoginClient => &[LOGIN_CLIENT],
            AdministratorRole::IamAdminImpersonator | AdministratorRole::OrgAdminImpersonator => &[AS_ADMIN],
            AdministratorRole::IamEndUserImpersonator | AdministratorRole::OrgEndUserImpersonator => {
                &[AS_USER]
            }
            AdministratorRole::OrgSettingsManager => &[SETTINGS],
            AdministratorRole::OrgUserPermissionEditor => &[AUTHORIZATIONS],
            AdministratorRole::OrgProjectPermissionEditor => &[GRANTS],
            AdministratorRole::OrgProjectCreator => &[PROJECT_CREATOR],
            AdministratorRole::OrgUserSelfManager => &[SELF],
            AdministratorRole::SelfManagementGlobal => &[SELF, ORGANIZATION_CREATOR],
            AdministratorRole::ProjectOwner | AdministratorRole::ProjectOwnerGlobal => &[PROJECT],
            AdministratorRole::ProjectOwnerViewer | AdministratorRole::ProjectOwnerViewerGlobal => {
                &[PROJECT_SEEN]
            }
            AdministratorRole::ProjectGrantOwner => &[GRANT],
            AdministratorRole::ProjectGrantOwnerViewer => &[GRANT_SEEN],
        }
    }
}
