//! Every no of the domain, each with a stable code. A refusal writes nothing.

use minicbor::{Decode, Encode};

/// Sorts of no: what whoever asked has to do about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Nothing: the operator has to look.
    Fault,
    /// Send it again, in time, or when the instance serves.
    Late,
    /// Prove anew who he is.
    Caller,
    /// Ask somebody who may.
    Forbidden,
    /// Name something that is there.
    Missing,
    /// Read it again.
    Changed,
    /// Change what stands against it.
    Conflict,
    /// Send other values.
    Values,
    /// Wait.
    Delayed,
}

macro_rules! refusals {
    ($($number:literal $name:ident $class:ident $code:literal $(of $field:literal)? $text:literal;)*) => {
        /// Why a command was refused. The text tells the caller what to do; no private detail stands in it.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, thiserror::Error)]
        #[cbor(index_only)]
        pub enum Refusal {
            $(#[doc = $text] #[error($text)] #[n($number)] $name,)*
        }

        impl Refusal {
            /// Every refusal, in the order of the table.
            pub const ALL: &'static [Refusal] = &[$(Refusal::$name),*];

            /// The stable code that programs may rely on.
            pub fn code(self) -> &'static str {
                match self { $(Refusal::$name => $code,)* }
            }

            /// What sort of no it is.
            pub fn class(self) -> Class {
                match self { $(Refusal::$name => Class::$class,)* }
            }

            /// The field of the values that it is about, if it is about one.
            pub fn field(self) -> Option<&'static str> {
                let none: Option<&'static str> = None;
                match self { $(Refusal::$name => none$(.or(Some($field)))?,)* }
            }
        }
    };
}

refusals! {
    0 Internal Fault "internal" "the command failed inside; it wrote nothing, and the operator was told";
    1 Expired Late "request_expired" "the request came to the log after its deadline; send it again";
    2 DeadlineTooFar Late "deadline_too_far" "a request's deadline is at most 30 seconds away";
    3 RequestIdReused Conflict "request_id_reused" "another request of yours had this id or Idempotency-Key; choose a new one";
    4 InstanceNotActive Late "instance_not_active" "the instance does not exist or is not active";
    5 CallerNotAlive Caller "caller_not_alive" "the caller's credential is no longer valid; sign in again";
    6 NotPermitted Forbidden "not_permitted" "the caller lacks the permission for this";
    7 NotFound Missing "not_found" "there is no such resource";
    8 AlreadyExists Conflict "already_exists" of "id" "the id is taken; choose another";
    77 IdOfProgram Conflict "id_of_program" of "id"
        "a service account signs in by this as its username, and could be taken for what has this id; choose another";
    9 RevisionChanged Changed "revision_changed" "the resource was changed meanwhile; read it again";
    10 ParentNotActive Conflict "parent_not_active" "what this belongs to is not active; activate that first";
    11 NotActive Conflict "not_active" "the resource is not active";
    12 LastOwner Conflict "last_owner" "the last owner can't be removed; appoint another first";
    13 ExceedsOwn Forbidden "exceeds_own"
        "whom or what this is about may do more than the caller: nobody gives, changes or takes away what he lacks";
    14 LimitReached Conflict "limit_reached" "a limit is reached; remove something first";
    15 NoSuchRole Values "no_such_role" of "roles" "the project has no such role, or the grant does not hold it";
    16 InvalidSpec Values "invalid_spec" "the values can't be taken";
    17 CredentialChanged Conflict "credential_changed" "the credential was changed meanwhile; try again";
    18 Locked Delayed "locked" "too many attempts; try again later";
    19 SessionNotAlive Conflict "session_not_alive" "the session has ended; sign in again";
    20 CodeUnknown Values "code_unknown" "the code does not exist, has expired or belongs to another client";
    21 CodeMismatch Values "code_mismatch" "the code was issued for other parameters";
    22 RequestUsed Conflict "request_used" "this authorization request was already answered; start again";
    23 NoRole Values "no_role" "the project admits only users who hold a role in it";
    24 FamilyNotAlive Values "family_not_alive" "the refresh token is not valid";
    25 FlowNotAllowed Values "flow_not_allowed" "the application is not allowed to use this flow";
    27 LevelNotSupported Conflict "level_not_supported" "a member of the cluster does not support this level";
    28 NotDue Conflict "not_due" "this is not due yet";
    29 NodeRemoved Conflict "node_removed" "the node was removed from the cluster for ever; join it with a new token and an empty disk";
    30 LastVoter Conflict "last_voter" "the last voter can't be removed or demoted; promote another node first";
    31 JoinTokenInvalid Values "join_token_invalid" "the join token is unknown, wrong or expired; create a new one";
    32 JoinTokenUsed Conflict "join_token_used" "the join token has admitted a node; create another token, or remove that node";
    75 HoldsOwnProject Conflict "holds_own_project"
        "the project conclave is in it, without whose applications nobody could sign in to manage anything";
    33 InUse Conflict "in_use" "something refers to it; remove that first";
    40 PasswordNotAllowed Conflict "password_not_allowed" "the organization does not allow signing in with a password";
    41 UsernameNotOfDomain Values "username_not_of_domain" of "username" "the username must end with @ and the primary domain of the organization";
    // Names that are taken.
    72 HostTaken Conflict "host_taken" of "host" "an instance has this host name; choose another";
    42 UsernameTaken Conflict "username_taken" of "username" "somebody in this instance has this username; choose another";
    43 DomainTaken Conflict "domain_taken" of "domain" "another organization has this domain; choose another";
    44 KeyTaken Conflict "key_taken" of "key" "the key is taken here; choose another, or change what has it";
    45 NameTaken Conflict "name_taken" of "name" "the name is taken here; choose another";
    46 AlreadyAuthorized Conflict "already_authorized" of "user" "the user has an authorization for this already; change its roles";
    47 AlreadyAdministrator Conflict "already_administrator" of "user" "the user is an administrator here already; change his roles";
    48 AlreadyGranted Conflict "already_granted" of "organization" "the organization has a grant of this project already; change its roles";
    49 AlreadyMember Conflict "already_member" of "user" "the user is a member already";
    // What values refer to.
    73 TooManyFromOutside Conflict "too_many_from_outside" of "user"
        "other organizations have made the user an administrator in too many places; his own organization still can";
    50 NoSuchUser Values "no_such_user" of "user" "there is no such user here";
    51 UserNotActive Conflict "user_not_active" of "user" "the user is not active; activate him first";
    52 NoSuchOrganization Values "no_such_organization" of "organization" "there is no such organization";
    54 RoleNotOfPlace Values "role_not_of_place" of "roles" "a role is no active custom role, nor a built-in one that fits the place";
    // What stays as it was created.
    55 KindFixed Values "kind_fixed" of "kind" "the kind is fixed at creation; create another one";
    56 UserFixed Values "user_fixed" of "user" "the user is fixed at creation; create another one";
    57 WithinFixed Values "within_fixed" of "within" "the place is fixed at creation; create another one";
    58 GrantFixed Values "grant_fixed" of "grant" "the grant is fixed at creation; create another one";
    59 OrganizationFixed Values "organization_fixed" of "organization" "the organization is fixed at creation; create another one";
    60 KeyFixed Values "key_fixed" "a key is fixed at creation; create another one, and delete this one";
    74 RoleKeyFixed Values "role_key_fixed" of "key"
        "the key of a role is fixed at creation: tokens and authorizations hold it; create another role";
    76 DomainByInstance Forbidden "domain_by_instance" of "domain"
        "the domain stands in tokens: who may write organizations at the instance changes it";
    // What does not go together.
    61 GrantToOwner Values "grant_to_owner" of "organization" "the project is this organization's own and needs no grant to it";
    62 IdReserved Values "id_reserved" of "id" "the id is the name of a built-in role; choose another";
    63 ExpiresInPast Values "expires_in_past" of "expires" "the end is in the past";
    64 NotServiceAccount Conflict "not_service_account" "only service accounts have this; the user is a person";
    65 NotPerson Conflict "not_person" "only people have this; the user is a service account";
    66 PublicClient Conflict "public_client" "an application that authenticates by \"none\" has no secret";
    67 RedirectUriNotOfKind Values "redirect_uri_not_of_kind" of "redirect_uris"
        "a web or single-page application takes https, or http to this machine; a native one private schemes too; an API none";
    68 LogoutUriNotOfKind Values "logout_uri_not_of_kind" of "post_logout_redirect_uris"
        "a web or single-page application takes https, or http to this machine; a native one private schemes too; an API none";
    69 AuthNotOfKind Values "auth_not_of_kind" of "auth"
        "single-page and native applications keep no secret and take \"none\"; an API takes \"basic\" or \"post\"";
    70 RefreshNotOfKind Values "refresh_not_of_kind" of "refresh" "an API signs nobody in and gets no refresh tokens";
    71 PkceNeeded Values "pkce_needed" of "pkce_optional" "an application that authenticates by \"none\" can't go without PKCE";
}
