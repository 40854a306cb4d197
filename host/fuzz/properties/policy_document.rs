//! A policy that is accepted is the same after it was written and read again; what is wrong with one that is not is said in
//! short sentences.

use sluice::policy::PolicyDocument;

pub(crate) fn check(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    for read in [PolicyDocument::from_json(text), PolicyDocument::from_toml(text)] {
        match read {
            Ok(policy) => accepted(&policy),
            Err(mistake) => short(&mistake),
        }
    }
}

fn accepted(policy: &PolicyDocument) {
    let mistakes = policy.mistakes();
    mistakes.iter().for_each(|mistake| short(mistake));
    let json = serde_json::to_string(policy).expect("a policy is JSON");
    let again = PolicyDocument::from_json(&json).expect("it is accepted again");
    assert_eq!(again, *policy);
    assert_eq!(again.mistakes(), mistakes);
    for rule in &policy.rules {
        // Revisions keep rules one by one.
        let json = serde_json::to_string(rule).expect("a rule is JSON");
        assert_eq!(serde_json::from_str::<sluice::policy::Rule>(&json).expect("it is read again"), *rule);
        // Plugins are given the configuration as text.
        let config = rule.config.to_string();
        assert_eq!(serde_json::from_str::<serde_json::Value>(&config).expect("it is read again"), rule.config);
        assert!(!config.contains("$__toml"), "a value that JSON does not have became {config}");
    }
}

/// A sentence: a text of the policy stands in it cut to what can be read.
fn short(mistake: &str) {
    assert!((1..8_000).contains(&mistake.len()) && mistake.chars().count() <= 2_000, "{mistake:?}");
}
