//! `whfb error`: what a code means and what to do about it.

use serde_json::json;
use whfb::base::Hresult;
use whfb::base::codes::{NotFound, Source};

use crate::failure::Failure;
use crate::output::Output;

pub(crate) fn run(text: &str, output: &Output) -> Result<(), Failure> {
    let code = Hresult::find(text).map_err(|fault| not_found(text, fault))?;
    let (symbol, cause, next, source) = (code.symbol(), code.cause(), code.advice(), code.source());
    let lines = [
        format!("{code} {symbol}"),
        format!("  decimal    {}", code.decimal()),
        format!("  cause      {cause}"),
        format!("  next       {next}"),
        format!("  source     {}", source.map(|source| source.to_string()).unwrap_or_default()),
    ];
    let object = json!({
        "ok": true,
        "code": code,
        "symbol": symbol,
        "decimal": code.decimal(),
        "cause": cause,
        "next": next,
        "source": source.map(Source::name),
    });
    output.answer(&lines.join("\n"), &object);
    Ok(())
}

fn not_found(text: &str, fault: NotFound) -> Failure {
    match fault {
        NotFound::Unknown(code) => Failure::usage(fault.to_string()).next(code.advice()),
        NotFound::NoCode => {
            Failure::usage(format!("not a code: {text}")).next(format!("write it as {}", Hresult::FORMS))
        }
    }
}
