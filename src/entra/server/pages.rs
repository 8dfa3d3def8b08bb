//! The sign-in pages as HTML. They need no script but the one that submits the last form, and look like nobody's.
//!
//! Names of fields and ids are those that public clients look for (clients drive Entra's own pages by them).

use maud::{DOCTYPE, Markup, PreEscaped, html};
use serde_json::json;

use crate::base::Uuid;
use crate::entra::page::Page;
use crate::entra::{Dialect, Refusal};

const STYLE: &str = "body{font:16px/1.5 sans-serif;margin:4em auto;max-width:26em;padding:0 1em}\
    label,input,button{display:block;width:100%;box-sizing:border-box;font:inherit;margin:.3em 0}\
    input,button{padding:.5em}small{color:#555}.fault{border-left:4px solid #b00;padding-left:.7em}";

/// A page as HTML, in the answer of that id.
pub(super) fn render(page: &Page, id: Uuid) -> String {
    let body = match page {
        Page::Password { flow, hint, .. } => password(flow, hint),
        Page::SecondFactor { flow, user, .. } => second_factor(flow, user),
        Page::UserCode { typed, .. } => user_code(typed),
        Page::Confirm { flow, client } => confirm(flow, client),
        Page::Submit { action, code, state } => submit(action, code, state.as_deref()),
        Page::Done { approved } => done(*approved),
    };
    frame(page.refusal(), id, &body)
}

/// The address of a redirection as a link: libhimmelblau reads the body and not `Location`.
pub(super) fn redirect(location: &str) -> String {
    html! { html { body { a href=(location) { "Continue" } } } }.into_string()
}

/// A refusal that has no page to go back to.
pub(super) fn refusal(refusal: Refusal, id: Uuid) -> String {
    frame(Some(refusal), id, &html! {})
}

/// What is said of a refusal: number, name and words.
pub(super) fn words(refusal: Refusal) -> String {
    let entry = refusal.entry();
    let number = match entry.dialect {
        Dialect::Oauth { number, .. } => format!("{number}: "),
        _ => String::new(),
    };
    format!("{number}{}: {}.", refusal.name(), entry.text)
}

fn frame(refusal: Option<Refusal>, id: Uuid, body: &Markup) -> String {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                title { "Sign in to the lab" }
                style { (PreEscaped(STYLE)) }
                @if let Some(refusal) = refusal { (config(refusal, id)) }
            }
            body {
                h1 { "Sign in" }
                @if let Some(refusal) = refusal { p .fault role="alert" { (words(refusal)) } }
                (body)
                p { small { "whfb: a mock of Entra ID. Everything here is made up, and so is every user." } }
            }
        }
    }
    .into_string()
}

/// Clients that are no browsers read an error out of this script: roadtx the first three members, libhimmelblau the others too.
fn config(refusal: Refusal, id: Uuid) -> Markup {
    let entry = refusal.entry();
    let number = match entry.dialect {
        Dialect::Oauth { number, .. } => Some(number.0),
        _ => None,
    };
    let config = json!({
        "strMainMessage": "Sorry, but we're having trouble signing you in.",
        "strAdditionalMessage": entry.text,
        "strServiceExceptionMessage": words(refusal),
        "iErrorCode": number,
        "sessionId": id.to_string(),
        "canary": "",
    });
    // Neither names nor texts of the table hold a bracket that could end the script.
    PreEscaped(format!("<script>//<![CDATA[\n$Config={config};\n//]]></script>"))
}

fn password(flow: &str, hint: &str) -> Markup {
    html! {
        form method="post" action="/common/login" {
            input type="hidden" name="flow" value=(flow);
            label for="i0116" { "User" }
            input #i0116 type="email" name="loginfmt" value=(hint) required autofocus;
            label for="i0118" { "Password" }
            input #i0118 type="password" name="passwd" required;
            button #idSIButton9 { "Next" }
        }
    }
}

fn second_factor(flow: &str, user: &str) -> Markup {
    html! {
        p { "Is it you, " b { (user) } "? The lab's phone asks." }
        form method="post" action="/common/login/mfa" {
            input type="hidden" name="flow" value=(flow);
            button #idApprove name="answer" value="approve" { "Approve" }
            button #idDeny name="answer" value="deny" { "Deny" }
        }
        form method="post" action="/common/login/mfa" {
            input type="hidden" name="flow" value=(flow);
            label for="idTxtBx_SAOTCC_OTC" { "Or the code of an authenticator app" }
            input #idTxtBx_SAOTCC_OTC name="otc" inputmode="numeric" autocomplete="one-time-code" maxlength="6";
            button #idSubmit_SAOTCC_Continue { "Verify" }
        }
    }
}

fn user_code(typed: &str) -> Markup {
    html! {
        form method="post" action="/common/oauth2/deviceauth" {
            label for="otc" { "The code that the device shows" }
            input #otc name="otc" value=(typed) autocomplete="off" required autofocus;
            button #idSIButton9 { "Next" }
        }
    }
}

fn confirm(flow: &str, client: &str) -> Markup {
    html! {
        p { "A device waits to be signed in as client " code { (client) } ". Only go on if it is yours and you started this." }
        form method="post" action="/common/login/confirm" {
            input type="hidden" name="flow" value=(flow);
            button #idSIButton9 name="answer" value="continue" { "Continue" }
            button #idBtn_Back name="answer" value="cancel" { "Cancel" }
        }
    }
}

/// roadtx comments the literal call out, so that the form stays where its driver can read it.
fn submit(action: &str, code: &str, state: Option<&str>) -> Markup {
    html! {
        form name="hiddenform" method="post" action=(action) {
            input type="hidden" name="code" value=(code);
            @if let Some(state) = state { input type="hidden" name="state" value=(state); }
            button { "Go back to the application" }
        }
        script {
            "function SwitchToProgressPage(){document.forms.hiddenform.submit()}\n"
            "SwitchToProgressPage();"
        }
    }
}

fn done(approved: bool) -> Markup {
    html! {
        @if approved {
            p #message { "You have signed in on your device. You may close this window." }
        } @else {
            p #message { "You declined. The device gets nothing." }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_a_client_put_in_comes_out_as_text() {
        let evil = "\"><script>alert(1)</script>";
        for page in [
            Page::Password { flow: "f".into(), hint: evil.into(), refusal: None },
            Page::SecondFactor { flow: "f".into(), user: evil.into(), refusal: None },
            Page::UserCode { typed: evil.into(), refusal: Some(Refusal::UserCodeUnknown) },
            Page::Confirm { flow: "f".into(), client: evil.into() },
            Page::Submit { action: evil.into(), code: "c".into(), state: Some(evil.into()) },
        ] {
            assert!(!render(&page, Uuid::nil()).contains("<script>alert"), "{page:?}");
        }
    }

    #[test]
    fn the_page_of_a_redirection_holds_the_same_address_as_the_header() {
        let page = redirect("msauth://x?a=1&code=1.code&state=s+t");
        assert!(page.contains("<a href=\"msauth://x?a=1&amp;code=1.code&amp;state=s+t\">"));
    }

    #[test]
    fn no_word_of_the_table_ends_the_script_of_the_error() {
        for each in Refusal::ALL {
            assert!(!words(*each).contains(['<', '>']), "{each:?}");
        }
    }

    #[test]
    fn the_form_of_a_code_is_the_one_that_clients_look_for() {
        let page = render(&Page::Submit { action: "msauth://x".into(), code: "1.c".into(), state: None }, Uuid::nil());
        assert!(page.contains("<form name=\"hiddenform\"") && page.contains("name=\"code\" value=\"1.c\""));
        assert!(page.contains("SwitchToProgressPage();"));
    }
}
