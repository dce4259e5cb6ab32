//! The steps of a sign-in, as the endpoints would take them: password, code, tokens, refresh.

use crate::credential::password::{Password, ProvePassword};
use crate::envelope::Caller;
use crate::grant::code::{IssueCode, RedeemCode, Redeemed};
use crate::id::{Hash, Id, InstanceId};
use crate::refusal::Refusal;
use crate::testing::fixtures::World;
use crate::testing::tenant::{CALLBACK, Client, Person};
use crate::token::family::{AdvanceFamily, Advanced, Family};

/// The code challenge of every authorization request here.
pub const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

/// A token family and the hash of its current refresh token, as the application holds them.
#[derive(Clone, Debug)]
pub struct Tokens {
    /// The family.
    pub family: Id,
    /// The hash of the refresh token.
    pub refresh: Hash,
}

impl World {
    /// A proof of a person's present password, with a session id and secret of its own.
    pub fn proof(&mut self, instance: InstanceId, user: &Id) -> ProvePassword {
        let password = self.reader(instance).row::<Password>(user).unwrap();
        ProvePassword {
            user: user.clone(),
            revision: password.map_or(0, |password| password.revision),
            session: self.fresh_id(),
            secret: self.fresh_hash(),
            renews: None,
        }
    }

    /// Signs a person in; the session.
    pub fn sign_in(&mut self, instance: InstanceId, user: &Id) -> Id {
        let proof = self.proof(instance, user);
        self.must(&Caller::nobody(), instance, &proof).session
    }

    /// Signs a person in again, for tests that move the clock far.
    pub fn renew(&mut self, instance: InstanceId, person: &mut Person) {
        person.session = self.sign_in(instance, &person.id);
    }

    /// What an authorization endpoint sends for a signed-in browser: a code for `openid offline_access`.
    pub fn code_for(&mut self, client: &Client) -> IssueCode {
        IssueCode {
            code: self.fresh_hash(),
            request: self.fresh_id(),
            client: client.id.clone(),
            redirect_uri: CALLBACK.to_owned(),
            challenge: Some(CHALLENGE.to_owned()),
            nonce: Some("n-0S6_WzA2Mj".to_owned()),
            scopes: vec!["openid".to_owned(), "offline_access".to_owned()],
            other_than: None,
        }
    }

    /// Issues a code to an application for a signed-in person.
    pub fn issue(&mut self, instance: InstanceId, person: &Person, client: &Client) -> Hash {
        let command = self.code_for(client);
        self.must(&person.caller(), instance, &command);
        command.code
    }

    /// What a token endpoint sends for a code.
    pub fn redemption(&mut self, code: Hash) -> RedeemCode {
        RedeemCode {
            code,
            redirect_uri: Some(CALLBACK.to_owned()),
            challenge: Some(CHALLENGE.to_owned()),
            family: self.fresh_id(),
            refresh: self.fresh_hash(),
        }
    }

    /// The whole flow: a code, redeemed.
    pub fn tokens(&mut self, instance: InstanceId, person: &Person, client: &Client) -> Tokens {
        let code = self.issue(instance, person, client);
        let redemption = self.redemption(code);
        match self.must(&client.caller(), instance, &redemption) {
            Redeemed::Granted { .. } => Tokens { family: redemption.family, refresh: redemption.refresh },
            Redeemed::Replayed => panic!("a fresh code was replayed"),
        }
    }

    /// What a token endpoint sends for a refresh token.
    pub fn advancement(&mut self, instance: InstanceId, tokens: &Tokens) -> AdvanceFamily {
        let next = self.fresh_hash();
        let sealed = self.seal(instance, Family::PURPOSE, &tokens.family, &next.0);
        AdvanceFamily { family: tokens.family.clone(), presented: tokens.refresh, next, sealed }
    }

    /// Presents a refresh token; on success `tokens` holds its successor.
    pub fn refresh(
        &mut self,
        instance: InstanceId,
        client: &Client,
        tokens: &mut Tokens,
    ) -> Result<Advanced, Refusal> {
        let command = self.advancement(instance, tokens);
        let outcome = self.run(&client.caller(), instance, &command)?;
        if matches!(outcome, Advanced::Next { .. }) {
            tokens.refresh = command.next;
        }
        Ok(outcome)
    }
}
