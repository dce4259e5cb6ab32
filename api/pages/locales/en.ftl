# Words of the pages. Plain text only, no markup. Every locale has the same messages, attributes and arguments.
# Tone: calm, plain, to the person in front of the page; say what happened, then what to do.

## Every page

page-problem = Problem

## Sign-in

sign-in-heading = Sign in
sign-in-application = Continue to { $application }
sign-in-organization = Use your { $organization } account.
sign-in-username = Username
sign-in-password = Password
sign-in-submit = Sign in
sign-in-cancel = Cancel

## Problems on the sign-in page. The first two must not tell whether the user exists.

problem-wrong-credentials = The username or the password is not right. Check both and try again.
problem-password-not-allowed = Accounts of this organization do not sign in with a password. If yours belongs to another one, check the username and the password.
problem-expired = This page was open for too long. Enter your password again.
problem-unavailable = Signing in is not possible at this moment. Try again in a few seconds.

wait-seconds = Too many attempts. Try again in { $count ->
    [one] { $count } second.
   *[other] { $count } seconds.
}
wait-minutes = Too many attempts. Try again in { $count ->
    [one] { $count } minute.
   *[other] { $count } minutes.
}
wait-hours = Too many attempts. Try again in { $count ->
    [one] { $count } hour.
   *[other] { $count } hours.
}

## Sign-out

sign-out-heading = Sign out?
sign-out-person = You are signed in as { $person }.
sign-out-nobody = You are about to end your session in this browser.
sign-out-confirm = Sign out
sign-out-cancel = Stay signed in

signed-out-heading = You are signed out
signed-out-advice = Your session in this browser has ended. You can close this page.

## Error page: what happened, and what to do about it

error-code = Error
error-request = Request

fault-unknown-application = Unknown application
    .advice = The link that brought you here names an application that is not registered, or no longer is. Go back to the application and start again; if that does not help, tell the people who run it.
fault-invalid-redirect-uri = Invalid return address
    .advice = The application asked us to send you to an address that is not registered for it. To protect you, we stopped here. Tell the people who run the application that its redirect URI is not registered.
fault-invalid-request = Invalid request
    .advice = The application sent a request that we cannot carry out. Go back to the application and start again; if that does not help, tell the people who run it.
fault-expired-request = This request is over
    .advice = It was answered already, it never began, or too much time has passed. Go to the application: you may be signed in there; if not, start there again.
fault-wrong-browser = Started in another browser
    .advice = This request belongs to another browser or a private window, or cookies are blocked. Continue where you started, or go back to the application and start again here with cookies allowed.
fault-forbidden = We could not verify this form
    .advice = The form you sent did not come from a current page of ours, so nothing was done. Go back, reload the page and send it again.
fault-unavailable = Not available right now
    .advice = The service cannot answer at this moment. Nothing is wrong with your account. Wait a few seconds and reload this page.
fault-too-large = The request is too large
    .advice = More was sent than we accept. Go back to the application and start again; if that does not help, tell the people who run it.
fault-not-found = Page not found
    .advice = There is no page at this address. Check the address, or go back to the application you came from.
fault-internal = Something went wrong
    .advice = This one is on us. Try again in a moment; if it keeps happening, tell your administrator the request number below.
