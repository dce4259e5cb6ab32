//! Organizations: what users and projects hang under.

use crate::administrator::{self, is_owned_without, require_all_of_home};
use crate::encoding::Stored;
use crate::envelope::Subject;
use crate::id::Id;
use crate::label::{Label, labels};
use crate::name::{HostName, Name};
use crate::permission::{AdministratorRole, Area, Verb, Within, holds};
use crate::project::{Project, own_project};
use crate::reader::{Names, Reader, Run};
use crate::record::{Kind, Record};
use crate::refusal::Refusal;
use crate::resource::{Change, Indexes, Resource, Root};
use crate::setting;
use crate::tx::Tx;
use crate::user::User;
use minicbor::{Decode, Encode};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// An organization of an instance.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Organization {
    /// Shown to people.
    #[n(0)]
    pub name: Name<200>,
    /// Its primary domain, unique in the instance; it stands in role claims.
    #[n(1)]
    pub domain: HostName,
}

impl Stored for Organization {}

impl Resource for Organization {
    const KIND: Kind = Kind::Organization;
    const AREA: Area = Area::Organization;
    const SEARCH: &'static [&'static str] = &["domain", "name"];
    const FIELDS: &'static [Label] = labels![Organization: name, domain];
    type Parent = Root;
    type Birth = ();
    fn indexes(&self, to: &mut Indexes<'_>) {
        to.unique(Names::OrganizationDomain, self.domain.as_str());
        to.search("name", self.name.as_str());
        to.search("domain", self.domain.as_str());
    }
    fn check(change: &Change<'_, Self>) -> Run<()> {
        let is_operators = change.caller.subject == Subject::Operator;
        if change.after.is_none() && !is_operators {
            // Its people and projects go with it.
            require_all_of_home(&change.reader, change.caller, change.id)?;
            let own = change.reader.find::<Project>(&own_project()?)?;
            if own.is_some_and(|own| own.parent == *change.id) {
                return Err(Refusal::HoldsOwnProject.into());
            }
        }
        if change.before.zip(change.after).is_some_and(|(before, after)| before.domain != after.domain) {
            // It stands in tokens, and decides who may sign in by it: nobody takes one that is not known to be his.
            let (reader, caller) = (&change.reader, change.caller);
            if !holds(reader, caller, Area::Organization, Verb::Write, &Within::Instance)? {
                return Err(Refusal::DomainByInstance.into());
            }
        }
        // One of another organization must still own the instance, unless nobody did.
        if change.needs_an_owner_left() {
            let is_inside = |user: &Record<User>| user.parent == *change.id;
            if is_owned_without(&change.reader, |_| false)? && !is_owned_without(&change.reader, is_inside)? {
                return Err(Refusal::LastOwner.into());
            }
        }
        Ok(())
    }
    fn under(&self, _: &Reader<'_>, _: &Id) -> Run<Within> {
        Ok(Within::Instance)
    }
    fn made(tx: &mut Tx<'_, '_>, record: &Record<Self>) -> Run<()> {
        let within = Within::Organization(record.id.clone());
        administrator::own(tx, Area::Organization, within, AdministratorRole::OrgOwner)
    }
    fn gone(tx: &mut Tx<'_, '_>, id: &Id) -> Run<()> {
        setting::gone(tx, id)
    }
    fn own_place(id: &Id) -> Option<Within> {
        Some(Within::Organization(id.clone()))
    }
}
