# Texte der Seiten. Nur reiner Text, kein Markup. Jede Sprache hat dieselben Nachrichten, Attribute und Argumente.
# Ton: ruhig und schlicht, Anrede „Sie“; erst was geschehen ist, dann was zu tun ist.

## Jede Seite

page-problem = Problem

## Anmeldung

sign-in-heading = Anmelden
sign-in-application = Weiter zu { $application }
sign-in-organization = Verwenden Sie Ihr Konto bei { $organization }.
sign-in-username = Benutzername
sign-in-password = Passwort
sign-in-submit = Anmelden
sign-in-cancel = Abbrechen

## Probleme auf der Anmeldeseite. Die ersten beiden dürfen nicht verraten, ob es den Benutzer gibt.

problem-wrong-credentials = Benutzername oder Passwort stimmt nicht. Prüfen Sie beides und versuchen Sie es erneut.
problem-password-not-allowed = Konten dieser Organisation melden sich nicht mit einem Passwort an. Gehört Ihres zu einer anderen, prüfen Sie Benutzername und Passwort.
problem-expired = Diese Seite war zu lange geöffnet. Geben Sie Ihr Passwort erneut ein.
problem-unavailable = Die Anmeldung ist im Moment nicht möglich. Versuchen Sie es in einigen Sekunden erneut.

wait-seconds = Zu viele Versuche. Versuchen Sie es in { $count ->
    [one] { $count } Sekunde erneut.
   *[other] { $count } Sekunden erneut.
}
wait-minutes = Zu viele Versuche. Versuchen Sie es in { $count ->
    [one] { $count } Minute erneut.
   *[other] { $count } Minuten erneut.
}
wait-hours = Zu viele Versuche. Versuchen Sie es in { $count ->
    [one] { $count } Stunde erneut.
   *[other] { $count } Stunden erneut.
}

## Abmeldung

sign-out-heading = Abmelden?
sign-out-person = Sie sind als { $person } angemeldet.
sign-out-nobody = Sie beenden Ihre Sitzung in diesem Browser.
sign-out-confirm = Abmelden
sign-out-cancel = Angemeldet bleiben

signed-out-heading = Sie sind abgemeldet
signed-out-advice = Ihre Sitzung in diesem Browser ist beendet. Sie können diese Seite schließen.

## Fehlerseite: was geschehen ist und was zu tun ist

error-code = Fehler
error-request = Anfrage

fault-unknown-application = Unbekannte Anwendung
    .advice = Der Link, der Sie hierher geführt hat, nennt eine Anwendung, die nicht oder nicht mehr registriert ist. Gehen Sie zurück zur Anwendung und beginnen Sie erneut. Hilft das nicht, wenden Sie sich an deren Betreiber.
fault-invalid-redirect-uri = Ungültige Rücksprungadresse
    .advice = Die Anwendung wollte Sie an eine Adresse weiterleiten, die für sie nicht registriert ist. Zu Ihrem Schutz haben wir hier angehalten. Teilen Sie dem Betreiber der Anwendung mit, dass die Redirect-URI nicht registriert ist.
fault-invalid-request = Ungültige Anfrage
    .advice = Die Anwendung hat eine Anfrage gesendet, die wir nicht ausführen können. Gehen Sie zurück zur Anwendung und beginnen Sie erneut. Hilft das nicht, wenden Sie sich an deren Betreiber.
fault-expired-request = Diese Anfrage ist beendet
    .advice = Sie wurde bereits beantwortet, hat nie begonnen, oder es ist zu viel Zeit vergangen. Gehen Sie zur Anwendung: Vielleicht sind Sie dort schon angemeldet; wenn nicht, beginnen Sie dort erneut.
fault-wrong-browser = In einem anderen Browser begonnen
    .advice = Diese Anfrage gehört zu einem anderen Browser oder einem privaten Fenster, oder Cookies sind blockiert. Machen Sie dort weiter, wo Sie begonnen haben, oder beginnen Sie hier erneut über die Anwendung und lassen Sie Cookies zu.
fault-forbidden = Dieses Formular ließ sich nicht prüfen
    .advice = Das gesendete Formular stammt nicht von einer aktuellen Seite von uns, deshalb wurde nichts ausgeführt. Gehen Sie zurück, laden Sie die Seite neu und senden Sie sie erneut ab.
fault-unavailable = Zurzeit nicht verfügbar
    .advice = Der Dienst kann im Moment nicht antworten. Mit Ihrem Konto ist alles in Ordnung. Warten Sie einige Sekunden und laden Sie diese Seite neu.
fault-too-large = Die Anfrage ist zu groß
    .advice = Es wurde mehr gesendet, als wir annehmen. Gehen Sie zurück zur Anwendung und beginnen Sie erneut. Hilft das nicht, wenden Sie sich an deren Betreiber.
fault-not-found = Seite nicht gefunden
    .advice = Unter dieser Adresse gibt es keine Seite. Prüfen Sie die Adresse oder gehen Sie zurück zu der Anwendung, aus der Sie kamen.
fault-internal = Etwas ist schiefgegangen
    .advice = Der Fehler liegt bei uns. Versuchen Sie es gleich noch einmal. Tritt er wieder auf, nennen Sie Ihrer Administration die Anfragenummer unten.
