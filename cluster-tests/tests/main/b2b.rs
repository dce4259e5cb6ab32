//! Business to business, through the public API on three nodes: a vendor grants a project to a customer, whose own
//! administrator makes users and gives them its roles; one of them signs in; and nobody reaches further than that.

use api_management::route::Route;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use cluster_tests::administration::Administration;
use cluster_tests::application::{Application, Tokens};
use cluster_tests::browser::Browser;
use cluster_tests::cluster::Cluster;
use cluster_tests::http::Http;
use cluster_tests::world::Person;
use serde_json::{Value, json};

const MANAGEMENT: &str = "urn:zitadel:iam:org:project:id:zitadel:aud";
const PASSWORD: &str = "correct horse battery staple";

#[tokio::test(flavor = "multi_thread")]
async fn a_customer_governs_what_was_granted_to_him_and_nothing_else() {
    let cluster = Cluster::joined_of(3, 3).await;
    let [first, second, third] = [1, 2, 3].map(|number| cluster.public(number));
    let scope = format!("openid {MANAGEMENT}");
    let bootstrap = cluster.world.service.client_credentials(&first, &scope).await.done("a token");
    let vendor = Administration::new(&bootstrap.access);
    let shop = vendor_sets_up(&vendor, [&first, &second, &third]).await;

    // The customer's administrator signs in by the command line's application, on the third node.
    let cli =
        Application { scope: format!("openid offline_access {MANAGEMENT}"), ..cluster.world.web.clone() };
    let carol = sign_in(&third, &cli, "carol").await;
    let customer = Administration::new(&carol.access);
    customer_sets_up(&customer, [&third, &first]).await;

    let domain = "urn:zitadel:iam:org:domain:primary:customer.example";
    let shop = Application { scope: format!("openid {domain}"), ..shop };
    let dave = claims(&sign_in(&second, &shop, "dave").await.id);
    assert_eq!(dave["sub"], "dave");
    let roles = json!({ "buyer": { "customer": "customer.example" } });
    assert_eq!(dave["urn:zitadel:iam:org:project:shop:roles"], roles);
    assert_eq!(dave["urn:zitadel:iam:org:project:roles"], roles);

    // Whoever is of another organization does not come in by that scope.
    let mut browser = Browser::default();
    let victor = Person { username: "victor".into(), password: PASSWORD.into() };
    assert!(!browser.sign_in(&first, &shop, &victor).await.is_done());

    nothing_else_is_reached(&customer, &second).await;

    // What the vendor takes out of the grant, nobody holds by it any more.
    let patch = json!({ "roles": [] });
    let taken = vendor.ask(&first, "PATCH", "/api/v1/project-grants/grant", Some(patch)).await;
    assert_eq!(taken.status, 200, "{}", taken.text());
    vendor.ask(&second, "GET", "/api/v1/project-grants/grant", None).await;
    let dave = claims(&sign_in(&second, &shop, "dave").await.id);
    assert_eq!(dave.get("urn:zitadel:iam:org:project:shop:roles"), None, "{dave}");
}

/// The vendor's organization, project, application and grant; and the customer's organization with its owner. Each step
/// is asked of another node than the one before.
async fn vendor_sets_up(vendor: &Administration, [a, b, c]: [&Http; 3]) -> Application {
    let organization = |word: &str| json!({ "id": word, "name": word, "domain": format!("{word}.example") });
    vendor.create(a, "organizations", organization("vendor")).await;
    let project = json!({ "id": "shop", "organization": "vendor", "name": "Shop", "role_assertion": true });
    vendor.create(b, "projects", project).await;
    for key in ["buyer", "auditor"] {
        let role = json!({ "key": key, "display_name": key });
        vendor.create(c, "projects/shop/roles", role).await;
    }
    let redirect = "https://shop.example/callback";
    let web = json!({
        "id": "shop-web", "project": "shop", "name": "Shop", "kind": "web", "auth": "basic", "alg": "ES256",
        "redirect_uris": [redirect], "id_token_roles": true,
    });
    vendor.create(a, "applications", web).await;
    let secret = vendor.post(b, "applications/shop-web/secret", None).await;
    vendor.create(c, "organizations", organization("customer")).await;
    let grant = json!({ "id": "grant", "project": "shop", "organization": "customer", "roles": ["buyer"] });
    vendor.create(a, "project-grants", grant).await;
    for (user, organization) in [("carol", "customer"), ("victor", "vendor")] {
        vendor.create(b, "users", human(user, organization)).await;
        vendor.post(c, &format!("users/{user}/password"), Some(json!({ "password": PASSWORD }))).await;
    }
    let owner = json!({ "id": "carols", "user": "carol", "within": { "organization": "customer" }, "roles": ["ORG_OWNER"] });
    vendor.create(a, "administrators", owner).await;
    Application {
        client_id: "shop-web".into(),
        secret: secret["client_secret"].as_str().map(str::to_owned),
        redirect_uri: redirect.into(),
        scope: String::new(),
    }
}

fn human(word: &str, organization: &str) -> Value {
    let profile = json!({ "given_name": word, "family_name": "Example" });
    json!({ "id": word, "organization": organization, "username": word, "kind": { "human": profile } })
}

/// The customer's owner makes a user and gives him what was granted, and cannot give more.
async fn customer_sets_up(customer: &Administration, [a, b]: [&Http; 2]) {
    let grants = customer.ask(a, "GET", "/api/v1/project-grants", None).await.json();
    assert_eq!(grants["items"][0]["roles"], json!(["buyer"]), "{grants}");
    customer.create(b, "users", human("dave", "customer")).await;
    customer.post(a, "users/dave/password", Some(json!({ "password": PASSWORD }))).await;
    let authorization = |user: &str, role: &str| json!({ "project": "shop", "grant": "grant", "user": user, "roles": [role] });
    let more =
        customer.ask(b, "POST", "/api/v1/authorizations", Some(authorization("dave", "auditor"))).await;
    assert_eq!((more.status, &more.json()["code"]), (400, &json!("no_such_role")));
    let foreign =
        customer.ask(b, "POST", "/api/v1/authorizations", Some(authorization("victor", "buyer"))).await;
    assert_eq!(
        (foreign.status, &foreign.json()["code"]),
        (400, &json!("no_such_user")),
        "as one who is nowhere"
    );
    let past = json!({ "project": "shop", "user": "dave", "roles": ["buyer"] });
    let past = customer.ask(b, "POST", "/api/v1/authorizations", Some(past)).await;
    assert_eq!(past.status, 404, "only the vendor gives roles without a grant: {}", past.text());
    customer.create(a, "authorizations", authorization("dave", "buyer")).await;
}

async fn sign_in(node: &Http, client: &Application, username: &str) -> Tokens {
    let person = Person { username: username.into(), password: PASSWORD.into() };
    let code = Browser::default().sign_in(node, client, &person).await.done("the sign-in");
    client.redeem(node, &code).await.done("the tokens")
}

fn claims(token: &str) -> Value {
    let body = token.split('.').nth(1).expect("a token has three parts");
    let bytes = URL_SAFE_NO_PAD.decode(body).expect("it is base64url");
    serde_json::from_slice(&bytes).expect("it is JSON")
}

/// What is the vendor's, by the word in paths for many of its kind.
fn of_the_vendor(plural: &str) -> [&'static str; 2] {
    match plural {
        "organizations" => ["vendor", "key"],
        "projects" => ["shop", "buyer"],
        "applications" => ["shop-web", "key"],
        "users" => ["victor", "key"],
        _ => ["absent", "key"],
    }
}

/// Every route is tried on what is the vendor's: nothing of it is shown or changed.
async fn nothing_else_is_reached(customer: &Administration, node: &Http) {
    let mut tried = 0;
    for Route { method, path, .. } in api_management::routes() {
        let plural = path.split('/').nth(3).unwrap_or_default();
        let [id, key] = of_the_vendor(plural);
        let path = path.replace("{id}", id).replace("{key}", key).replace("{name}", "login");
        if path.ends_with("/stream") {
            continue;
        }
        let body = (method.as_str() != "GET" && method.as_str() != "DELETE").then(|| json!({}));
        let answer = customer.ask(node, method.as_str(), &path, body).await;
        let text = answer.text();
        assert!(answer.status < 500, "{method} {path}: {text}");
        let is_list = method.as_str() == "GET" && !path.contains(id);
        if is_list && answer.status == 200 {
            for foreign in ["victor", "shop-web", "\"vendor\"", "bootstrap", "\"admin\""] {
                assert!(!text.contains(foreign), "{method} {path} shows {foreign}: {text}");
            }
        } else {
            assert!(answer.status >= 400, "{method} {path} was answered {}: {text}", answer.status);
        }
        tried += 1;
    }
    assert!(tried > 50, "only {tried} routes");
}
