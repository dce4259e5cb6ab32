//! The table of plain resources: a line each. Whatever is done for all of them (commands, sweeps, the search index, the
//! routes of the management API and its description) reads it here.

use crate::record::Kind;
use crate::resource::Resource;

/// Hands the table to a macro, which gets lines of: number, kind, its word, the word for many of them in paths, type.
/// Numbers are never reused.
#[macro_export]
macro_rules! resources {
    ($with:ident) => {
        $with! {
            2 Domain "domain" "domains" $crate::instance::domain::Domain;
            3 Organization "organization" "organizations" $crate::organization::Organization;
            4 Project "project" "projects" $crate::project::Project;
            5 Role "role" "roles" $crate::project::role::Role;
            6 Application "application" "applications" $crate::application::Application;
            7 User "user" "users" $crate::user::User;
            8 Authorization "authorization" "authorizations" $crate::authorization::Authorization;
            9 Administrator "administrator" "administrators" $crate::administrator::Administrator;
            24 ProjectGrant "project_grant" "project-grants" $crate::project::grant::ProjectGrant;
            25 CustomRole "custom_role" "custom-roles" $crate::permission::CustomRole;
            26 Group "group" "groups" $crate::group::Group;
            27 GroupMember "group_member" "members" $crate::group::member::GroupMember;
            28 UserMetadata "user_metadata" "metadata" $crate::metadata::UserMetadata;
            29 OrganizationMetadata "organization_metadata" "metadata" $crate::metadata::OrganizationMetadata;
            30 PersonalToken "personal_token" "tokens" $crate::credential::personal_token::PersonalToken;
            32 ServiceKey "service_key" "keys" $crate::credential::service_key::ServiceKey;
        }
    };
}

/// What is to be done for a resource whose type is known by its kind only.
pub trait ForResource {
    /// What comes of it.
    type Out;
    /// Does it.
    fn run<T: Resource>(self) -> Self::Out;
}

macro_rules! dispatch {
    ($($number:literal $name:ident $word:literal $plural:literal $type:ty;)*) => {
        /// Does something for the type of a kind; `None` for what is no plain resource.
        pub fn dispatch<F: ForResource>(kind: Kind, what: F) -> Option<F::Out> {
            $(if kind == Kind::$name { return Some(what.run::<$type>()); })*
            None
        }
    };
}
resources!(dispatch);
