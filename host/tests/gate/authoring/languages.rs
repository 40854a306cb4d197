//! What every language promises.

use std::path::Path;

use serde_json::{Value, json};

use super::{has_tools, project, sluice};
use crate::site::{Options, Site};

/// The same tests for each language.
macro_rules! languages {
    ($($lang:ident),*) => {
        $(
            mod $lang {
                #[tokio::test]
                async fn a_new_rule_is_built_tested_and_judges_uploads() {
                    super::rule_judges_uploads(stringify!($lang)).await;
                }

                #[test]
                fn a_new_mover_does_what_its_examples_say() {
                    super::mover_does_what_its_examples_say(stringify!($lang));
                }

                #[test]
                fn a_rule_that_breaks_is_a_failure_with_message_and_line() {
                    super::broken_rule_names_message_and_line(stringify!($lang));
                }
            }
        )*
    };
}

languages! { rust, python, javascript }

// The same in Rust is the tests' own guest: see `capabilities`.
#[test]
fn a_rule_in_python_reads_the_tables_it_is_granted() {
    let rule = r#"
from sluice_sdk import Bundle, Report, tables, validator

@validator
def projects(bundle: Bundle, report: Report) -> None:
    project = tables.row("projects", bundle.project or "")
    report.info("row", repr(project))
    report.info("ghost", repr(tables.row("projects", "ghost")))
    report.info("rows", " ".join(row["pi"] for row in tables.rows("projects")))
"#;
    granted_tables_are_read("python", "rule.py", rule, ["{'id': '1234a', 'pi': 'Ada'}", "None"]);
}

#[test]
fn a_rule_in_javascript_reads_the_tables_it_is_granted() {
    let rule = r#"
import { tables } from "./sluice-sdk/index.js";

export function validate(bundle, report) {
  report.info("row", JSON.stringify(tables.row("projects", bundle.project)));
  report.info("ghost", String(tables.row("projects", "ghost")));
  report.info("rows", [...tables.rows("projects")].map((row) => row.pi).join(" "));
}
"#;
    granted_tables_are_read("javascript", "rule.js", rule, [r#"{"id":"1234a","pi":"Ada"}"#, "null"]);
}

#[test]
fn a_rule_in_rust_looks_up_what_is_recorded() {
    let rule = r#"
//! Asks.
use sluice_sdk::{Bundle, Failure, Mistakes, Report, Rule, Validator, lookup};

/// Nothing.
#[derive(serde::Deserialize, schemars::JsonSchema)]
pub struct Config {}

/// What the server says of a project.
#[derive(serde::Deserialize)]
struct Project {
    pi: String,
}

/// The rule.
pub struct Asks;

impl Rule for Asks {
    type Config = Config;

    fn new(_: Config) -> Result<Self, Mistakes> {
        Ok(Self)
    }
}

impl Validator for Asks {
    fn validate(&self, _: &Bundle<'_>, report: &mut Report) -> Result<(), Failure> {
        let answer = lookup::get("https://h.example/api/1234a")?;
        report.info("answer", format!("{} {}", answer.status, format_args!("{:?}", answer.json::<Project>()?.pi)));
        report.info("gone", lookup::get("https://h.example/api/gone")?.status.to_string());
        report.info("late", format!("{:?}", lookup::get("https://h.example/api/late")));
        lookup::get("https://h.example/api/ghost")?;
        Ok(())
    }
}

sluice_sdk::validator!(Asks);
"#;
    recorded_lookups_are_answered("rust", "src/lib.rs", rule, "Err(Timeout)");
}

#[test]
fn a_rule_in_python_looks_up_what_is_recorded() {
    let rule = r#"
import json
from sluice_sdk import Bundle, Report, lookup, validator

@validator
def asks(bundle: Bundle, report: Report) -> None:
    answer = lookup.get(f"https://h.example/api/{bundle.project}")
    report.info("answer", f"{answer.status} {json.dumps(answer.json()['pi'])}")
    report.info("gone", str(lookup.get("https://h.example/api/gone").status))
    try:
        lookup.get("https://h.example/api/late")
    except lookup.TimedOut as error:
        report.info("late", str(error))
    lookup.get("https://h.example/api/ghost")
"#;
    recorded_lookups_are_answered("python", "rule.py", rule, "no answer came in time");
}

#[test]
fn a_rule_in_javascript_looks_up_what_is_recorded() {
    let rule = r#"
import { lookup } from "./sluice-sdk/index.js";

export function validate(bundle, report) {
  const answer = lookup.get(`https://h.example/api/${bundle.project}`);
  report.info("answer", `${answer.status} ${JSON.stringify(answer.json().pi)}`);
  report.info("gone", String(lookup.get("https://h.example/api/gone").status));
  try {
    lookup.get("https://h.example/api/late");
  } catch (error) {
    report.info("late", error instanceof lookup.TimedOut ? error.message : String(error));
  }
  lookup.get("https://h.example/api/ghost");
}
"#;
    recorded_lookups_are_answered("javascript", "rule.js", rule, "no answer came in time");
}

/// The rule asks for what lookups.json has, and at last for something that it has not, which is its failure; then that is
/// added.
fn recorded_lookups_are_answered(lang: &str, file: &str, rule: &str, late: &str) {
    if !has_tools(lang) {
        return;
    }
    let recorded = json!({
        "https://h.example/api/1234a": {"body": {"pi": "Ada"}},
        "https://h.example/api/gone": {"status": 404},
        "https://h.example/api/late": {"error": "timeout"},
    });
    let folder = project(&format!("asks-{lang}"), lang, "validator", |folder| {
        std::fs::write(folder.join(file), rule).expect("the rule");
        std::fs::write(folder.join("examples/config.json"), "{}").expect("a configuration");
        std::fs::write(folder.join("examples/lookups.json"), recorded.to_string()).expect("answers");
        let mut more = recorded.clone();
        more["https://h.example/api/ghost"] = json!({"body": "boo"});
        std::fs::write(folder.join("more.json"), more.to_string()).expect("answers");
    });
    let info = sluice(&folder, &["plugin", "inspect", &format!("asks-{lang}.wasm"), "--json"]).json();
    assert!(info["imports"].to_string().contains("sluice:plugin/lookup@1.0.0"), "{info}");
    let said = sluice(&folder, &["plugin", "test", "--json"]).json();
    let example = said["examples"].as_array().and_then(|all| all.iter().find(|one| one["name"] == "pass"));
    let example = example.unwrap_or_else(|| panic!("no example in {said}"));
    assert_eq!(example["failure"]["kind"], "config", "{example}");
    let why = example["failure"]["message"].as_str().expect("why");
    assert!(why.contains("no answer to https://h.example/api/ghost"), "{why}");
    assert_eq!(example["lookups"].as_array().map(Vec::len), Some(4), "{example}");

    let test = ["plugin", "test", "--bundle", "examples/pass", "--config", "{}", "--lookups", "more.json", "--json"];
    let said = sluice(&folder, &test).json();
    let findings = said["examples"][0]["findings"].as_array().unwrap_or_else(|| panic!("no findings in {said}"));
    let messages: Vec<_> = findings.iter().filter_map(|finding| finding["message"].as_str()).collect();
    assert_eq!(messages, ["200 \"Ada\"", "404", late], "{said}");
}

fn granted_tables_are_read(lang: &str, file: &str, rule: &str, [row, none]: [&str; 2]) {
    if !has_tools(lang) {
        return;
    }
    let folder = project(&format!("granted-{lang}"), lang, "validator", |folder| {
        std::fs::write(folder.join(file), rule).expect("the rule");
        std::fs::write(folder.join("examples/config.json"), "{}").expect("a configuration");
        std::fs::write(folder.join("projects.csv"), "id,pi\n1234a,Ada\n99b,Bea\n").expect("a table");
    });
    let test = ["plugin", "test", "--bundle", "examples/pass", "--config", "{}", "--json"];
    let said = sluice(&folder, &[&test[..], &["--table", "projects=projects.csv"]].concat()).json();
    let findings = said["examples"][0]["findings"].as_array().unwrap_or_else(|| panic!("no findings in {said}"));
    let messages: Vec<_> = findings.iter().filter_map(|finding| finding["message"].as_str()).collect();
    assert_eq!(messages, [row, none, "Ada Bea"], "{said}");
    let said = sluice(&folder, &test).json();
    let failure = &said["examples"][0]["failure"];
    assert_eq!(failure["kind"], "config", "{said}");
    assert!(failure["message"].as_str().is_some_and(|why| why.contains("not granted the table projects")), "{said}");
}

async fn rule_judges_uploads(lang: &str) {
    if !has_tools(lang) {
        return;
    }
    let name = format!("tables-{lang}");
    let folder = project(&name, lang, "validator", |_| {});

    let said = sluice(&folder, &["plugin", "test"]);
    assert_eq!(said.code, 0, "{}{}", said.out, said.err);
    assert!(said.out.contains(&format!("{name} 0.1.0: 2 as expected, 0 not")), "{}", said.out);
    assert!(said.out.contains("columns-missing  data/scan/001.csv"), "{}", said.out);

    let info = sluice(&folder, &["plugin", "inspect", &format!("{name}.wasm"), "--json"]).json();
    assert_eq!((&info["name"], &info["kind"]), (&json!(name), &json!("validator")));
    assert_eq!(info["interface"], "sluice:plugin@1.0.0");
    assert_eq!(info["config_schema"]["required"], json!(["columns"]), "{info}");
    assert_eq!(info["config_schema"]["additionalProperties"], false, "{info}");

    for (config, mistake) in [(json!({"columns": ["a"], "colums": 1}), "colums"), (json!({"columns": []}), "columns")] {
        let said = sluice(&folder, &["plugin", "test", "--config", &config.to_string()]);
        assert_eq!(said.code, 2, "{}{}", said.out, said.err);
        assert!(said.err.contains(mistake), "{}", said.err);
    }

    let policy = format!(
        "[[rules]]\nname = \"tables\"\nplugin = \"{name}\"\nconfig = {{ columns = [\"time\", \"value\"] }}\n\
         [[rules]]\nname = \"placement\"\nplugin = \"placement\"\n\
         config = {{ template = \"{{project}}/{{job_id}}/{{subdir}}/{{name}}\" }}\n"
    );
    let site = Options::default().policy(policy).arg("--plugins", folder.display().to_string()).start().await;
    let passed = site.upload(tar(&folder.join("examples/pass"))).await;
    let state = site.wait(passed).await;
    assert_eq!((state.state.as_str(), state.task.as_str()), ("OK", "ingest metadata"), "{state:?}");
    assert_eq!(finding_codes(&site, passed).await, Vec::<String>::new());

    let rejected = site.upload(tar(&folder.join("examples/fail"))).await;
    let state = site.wait(rejected).await;
    assert_eq!((state.state.as_str(), state.task.as_str()), ("FAILED", "Policy Validation"), "{state:?}");
    assert!(state.exception.contains("The table lacks these columns: value."), "{state:?}");
    assert_eq!(finding_codes(&site, rejected).await, ["key-missing", "columns-missing"]);
}

async fn finding_codes(site: &Site, job: u64) -> Vec<String> {
    let report = site.report(job).await;
    let rules = report["rules"].as_array().expect("rules");
    let rule = rules.iter().find(|rule| rule["rule"] == "tables").unwrap_or_else(|| panic!("no rule in {report}"));
    assert_eq!(rule["failure"], Value::Null, "{report}");
    let findings = rule["findings"].as_array().expect("findings");
    findings.iter().map(|finding| finding["code"].as_str().expect("a code").to_owned()).collect()
}

/// What an uploader makes of a folder.
pub(super) fn tar(folder: &Path) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    tar.append_dir_all("data", folder.join("data")).expect("a tar");
    tar.append_path_with_name(folder.join("metadata.txt"), "metadata.txt").expect("a tar");
    tar.into_inner().expect("a tar")
}

fn mover_does_what_its_examples_say(lang: &str) {
    if !has_tools(lang) {
        return;
    }
    let folder = project(&format!("places-{lang}"), lang, "mover", |_| {});
    let said = sluice(&folder, &["plugin", "test", "--json"]);
    assert_eq!(said.code, 0, "{}{}", said.out, said.err);
    let json = said.json();
    assert_eq!((&json["passed"], &json["failed"]), (&json!(2), &json!(0)), "{json}");
    let passed = &json["examples"][1];
    assert_eq!(passed["places"]["scan/001.csv"], "raw/1234a/54/1/scan/001.csv", "{json}");
}

fn broken_rule_names_message_and_line(lang: &str) {
    if !has_tools(lang) {
        return;
    }
    // Each language's way to fail, put before a line of the worked rule, and how the place of it is spelled.
    let (file, before, fault, place) = match lang {
        "rust" => ("src/lib.rs", "        let key = &self.0.key;\n", "panic!(\"the sky fell\");", "src/lib.rs:47:"),
        "python" => (
            "rule.py",
            "    for file in bundle.files:\n",
            "    raise ValueError('the sky fell')",
            "(rule.py, line 27, in tables)",
        ),
        _ => (
            "rule.js",
            "  for (const file of bundle.files) {\n",
            "  throw new RangeError('the sky fell');",
            "(rule.js, line 30)",
        ),
    };
    let mut line = 0;
    let folder = project(&format!("broken-{lang}"), lang, "validator", |folder| {
        let path = folder.join(file);
        let source = std::fs::read_to_string(&path).expect("the rule");
        let at = source.find(before).expect("the line");
        line = source[..at].lines().count() + 1;
        let (head, tail) = source.split_at(at);
        std::fs::write(&path, format!("{head}{fault}\n{tail}")).expect("the rule");
    });
    let said = sluice(&folder, &["plugin", "test", "--json"]);
    assert_eq!(said.code, 1, "{}{}", said.out, said.err);
    let json = said.json();
    let failure = &json["examples"][0]["failure"];
    let message = failure["message"].as_str().unwrap_or_else(|| panic!("no failure in {json}"));
    assert_eq!(failure["kind"], if lang == "rust" { "trap" } else { "other" }, "{message}");
    assert!(message.contains("the sky fell"), "{message}");
    // The place, with the line that the fault stands on.
    let digits = |text: &str| text.chars().filter(|c| !c.is_ascii_digit()).collect::<String>();
    assert!(digits(message).contains(&digits(place)) && message.contains(&line.to_string()), "{line} in {message}");
}
