//! Every no of the domain, each with a stable code. A refusal writes nothing.

use minicbor::{Decode, Encode};

macro_rules! refusals {
    ($($number:literal $name:ident $code:literal $text:literal;)*) => {
        /// Why a command was refused. The text tells the caller what to do; no private detail stands in it.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, thiserror::Error)]
        #[cbor(index_only)]
        pub enum Refusal {
            $(#[doc = $text] #[error($text)] #[n($number)] $name,)*
        }

        impl Refusal {
            /// The stable code that programs may rely on.
            pub fn code(self) -> &'static str {
                match self { $(Refusal::$name => $code,)* }
            }
        }
    };
}

refusals! {
    0 Internal "internal" "the command failed inside; it wrote nothing, and the operator was told";
    1 Expired "request_expired" "the request came to the log after its deadline; send it again";
    2 DeadlineTooFar "deadline_too_far" "a request's deadline is at most 30 seconds away";
    3 RequestIdReused "request_id_reused" "another request had this id; draw a new one";
    4 InstanceNotActive "instance_not_active" "the instance does not exist or is not active";
    5 CallerNotAlive "caller_not_alive" "the caller's credential is no longer valid; sign in again";
    6 NotPermitted "not_permitted" "the caller lacks the permission for this";
    7 NotFound "not_found" "there is no such resource";
    8 AlreadyExists "already_exists" "the id or name is taken";
    9 RevisionChanged "revision_changed" "the resource was changed meanwhile; read it again";
    10 ParentNotActive "parent_not_active" "what this belongs to does not exist or is not active";
    11 NotActive "not_active" "the resource is not active";
    12 LastOwner "last_owner" "the last owner can't be removed; appoint another first";
    13 ExceedsOwn "exceeds_own" "nobody grants what he lacks";
    14 LimitReached "limit_reached" "a limit is reached; remove something first";
    15 NoSuchRole "no_such_role" "the project has no such role";
    16 InvalidSpec "invalid_spec" "the values contradict each other";
    17 CredentialChanged "credential_changed" "the credential was changed meanwhile; try again";
    18 Locked "locked" "too many attempts; try again later";
    19 SessionNotAlive "session_not_alive" "the session has ended; sign in again";
    20 CodeUnknown "code_unknown" "the code does not exist, has expired or belongs to another client";
    21 CodeMismatch "code_mismatch" "the code was issued for other parameters";
    22 RequestUsed "request_used" "this authorization request was already answered; start again";
    23 NoRole "no_role" "the project admits only users who hold a role in it";
    24 FamilyNotAlive "family_not_alive" "the refresh token is not valid";
    25 FlowNotAllowed "flow_not_allowed" "the application is not allowed to use this flow";
    27 LevelNotSupported "level_not_supported" "a member of the cluster does not support this level";
    28 NotDue "not_due" "this is not due yet";
    29 NodeRemoved "node_removed" "the node was removed from the cluster for ever; join it with a new token and an empty disk";
    30 LastVoter "last_voter" "the last voter can't be removed or demoted; promote another node first";
    31 JoinTokenInvalid "join_token_invalid" "the join token is unknown, wrong or expired; create a new one";
    32 JoinTokenUsed "join_token_used" "the join token has admitted a node; create another token, or remove that node";
    33 InUse "in_use" "something refers to it; remove that first";
    40 PasswordNotAllowed "password_not_allowed" "the organization does not allow signing in with a password";
    41 UsernameNotOfDomain "username_not_of_domain" "the username must end with @ and the primary domain of the organization";
}
