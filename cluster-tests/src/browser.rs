//! A browser, as far as the pages need one: it keeps cookies, follows redirects within the site and fills in forms.

use crate::application::{Application, Code, Outcome};
use crate::http::{Answer, Http, NoAnswer};
use crate::world::Person;
use std::collections::BTreeMap;

/// Further redirects are a loop.
const REDIRECTS_MAX: usize = 5;

/// A browser and its cookies.
#[derive(Clone, Debug, Default)]
pub struct Browser {
    cookies: BTreeMap<String, String>,
}

/// Where a browser has ended.
#[derive(Clone, Debug)]
pub enum Arrived {
    /// At a page of the site.
    Page(Answer),
    /// At an address outside.
    Left(String),
}

impl Browser {
    /// Signs a person in by the form, all on one node.
    pub async fn sign_in(&mut self, node: &Http, client: &Application, person: &Person) -> Outcome<Code> {
        self.sign_in_across(node, node, client, person).await
    }

    /// Opens the page on one node and sends the form to another.
    pub async fn sign_in_across(
        &mut self,
        first: &Http,
        second: &Http,
        client: &Application,
        person: &Person,
    ) -> Outcome<Code> {
        let (path, verifier) = client.request(None);
        let page = match self.open(first, path).await {
            Ok(Arrived::Page(page)) if page.status == 200 => page.text(),
            Ok(arrived) => return code(arrived, verifier),
            Err(no) => return no.into(),
        };
        let Some((action, mut fields)) = form(&page) else {
            return Outcome::Refused(format!("the page has no form: {page}"));
        };
        fields.push(("username".to_owned(), person.username.clone()));
        fields.push(("password".to_owned(), person.password.clone()));
        match self.submit(second, &action, &fields).await {
            Ok(arrived) => code(arrived, verifier),
            Err(no) => no.into(),
        }
    }

    /// A code from the session that this browser has, without asking anybody.
    pub async fn silently(&mut self, node: &Http, client: &Application) -> Outcome<Code> {
        let (path, verifier) = client.request(Some("none"));
        match self.open(node, path).await {
            Ok(arrived) => code(arrived, verifier),
            Err(no) => no.into(),
        }
    }

    /// Opens a path of the site.
    ///
    /// # Errors
    /// When a node does not answer.
    pub async fn open(&mut self, node: &Http, path: String) -> Result<Arrived, NoAnswer> {
        let answer = node.get(&path, &[("cookie", &self.cookie())]).await?;
        self.follow(node, answer).await
    }

    async fn submit(
        &mut self,
        node: &Http,
        action: &str,
        fields: &[(String, String)],
    ) -> Result<Arrived, NoAnswer> {
        let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (&**name, &**value)).collect();
        let headers = [("cookie", &*self.cookie()), ("sec-fetch-site", "same-origin")];
        let answer = node.form(action, &headers, &fields).await?;
        self.follow(node, answer).await
    }

    async fn follow(&mut self, node: &Http, mut answer: Answer) -> Result<Arrived, NoAnswer> {
        for _ in 0..REDIRECTS_MAX {
            self.keep(&answer);
            let target = answer.header("location").to_owned();
            if !(300..400).contains(&answer.status) {
                return Ok(Arrived::Page(answer));
            }
            if !target.starts_with('/') {
                return Ok(Arrived::Left(target));
            }
            answer = node.get(&target, &[("cookie", &self.cookie())]).await?;
        }
        panic!("more than {REDIRECTS_MAX} redirects")
    }

    fn cookie(&self) -> String {
        let pairs: Vec<String> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        pairs.join("; ")
    }

    fn keep(&mut self, answer: &Answer) {
        for line in answer.headers.get_all("set-cookie").iter().filter_map(|line| line.to_str().ok()) {
            let pair = line.split(';').next().unwrap_or_default();
            let Some((name, value)) = pair.trim().split_once('=') else { continue };
            if line.contains("Max-Age=0") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
    }
}

/// What an answer to an authorization request says.
fn code(arrived: Arrived, verifier: String) -> Outcome<Code> {
    let target = match arrived {
        Arrived::Page(page) if page.status >= 500 => {
            return Outcome::Unknown(format!("a page with {}", page.status));
        }
        Arrived::Page(page) => return Outcome::Refused(format!("a page with {}", page.status)),
        Arrived::Left(target) => target,
    };
    let query = target.split_once('?').map_or("", |(_, query)| query);
    let value = |name: &str| {
        let mut pairs = form_urlencoded::parse(query.as_bytes());
        pairs.find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
    };
    match (value("code"), value("error")) {
        (Some(code), _) => Outcome::Done(Code { code, verifier }),
        (None, Some(error)) if error == "temporarily_unavailable" => Outcome::Unknown(error),
        (None, Some(error)) => Outcome::Refused(error),
        (None, None) => Outcome::Refused(format!("sent to {target}")),
    }
}

/// The action and the hidden fields of a page's one form.
fn form(page: &str) -> Option<(String, Vec<(String, String)>)> {
    let start = page.find("<form ")?;
    let form = &page[start..page[start..].find("</form>")? + start];
    let action = attribute(form.split('>').next()?, "action")?;
    let inputs = form.split("<input ").skip(1).filter_map(|rest| rest.split('>').next());
    let hidden = inputs.filter(|input| attribute(input, "type").as_deref() == Some("hidden"));
    let fields = hidden.filter_map(|input| Some((attribute(input, "name")?, attribute(input, "value")?)));
    Some((action, fields.collect()))
}

fn attribute(tag: &str, name: &str) -> Option<String> {
    let start = format!(" {name}=\"");
    let tag = format!(" {tag}");
    let at = tag.find(&start)? + start.len();
    Some(unescaped(tag[at..].split('"').next()?))
}

/// The few entities that a template writes into attributes.
fn unescaped(text: &str) -> String {
    [
        ("&quot;", "\""),
        ("&#34;", "\""),
        ("&#39;", "'"),
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&#38;", "&"),
        ("&amp;", "&"),
    ]
    .iter()
    .fold(text.to_owned(), |text, (entity, character)| text.replace(entity, character))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "<main><form method=\"post\" action=\"/ui/login\">\n\
        <input type=\"hidden\" name=\"flow\" value=\"a&#38;b\">\n<input type=\"hidden\" name=\"csrf\" value=\"\">\n\
        <input id=\"username\" name=\"username\" type=\"text\" value=\"x\" required>\n</form></main>";

    #[test]
    fn a_forms_hidden_fields_are_found() {
        let (action, fields) = form(PAGE).expect("there is a form");
        assert_eq!(action, "/ui/login");
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(fields, [pair("flow", "a&b"), pair("csrf", "")]);
        assert_eq!(form("<p>nothing</p>"), None);
    }

    #[test]
    fn a_redirect_says_what_became_of_a_request() {
        let left = |query: &str| code(Arrived::Left(format!("http://a/callback?{query}")), String::new());
        assert!(left("code=x&state=s").is_done());
        assert!(!left("error=temporarily_unavailable").is_definite());
        assert_eq!(left("error=login_required"), Outcome::Refused("login_required".into()));
    }
}
