//! The command line of a process as it is stored: short, and without what looks like a secret. Rather a word too many
//! is hidden than one too few: lines are kept for long and read by many. Pure.

use crate::series::label_text;

/// Characters that are kept, the ellipsis included.
const LONGEST: usize = 60;
const HIDDEN: &str = "***";
/// What the name of a secret has in it, in small letters.
const SECRETS: &[&str] = &["pass", "token", "secret", "key", "auth", "credential", "pwd", "cookie"];
/// Options that take `user:password`.
const USERS: &[&str] = &["-u", "--user", "--proxy-user"];
/// Programs (or what their names begin with) whose short option takes a secret, and whether it may stand apart.
const SHORT: &[(&str, &str, bool)] = &[
    ("mysql", "-p", false),
    ("mariadb", "-p", false),
    ("sshpass", "-p", true),
    ("ldap", "-w", true),
    ("redis-cli", "-a", true),
    ("smbclient", "-U", true),
];

/// The text of `/proc/PID/cmdline`; `None` where it says no more than the name does.
pub(super) fn command(cmdline: &[u8], name: &str) -> Option<String> {
    let end = cmdline.iter().rposition(|byte| *byte != 0)? + 1;
    let cmdline = String::from_utf8_lossy(cmdline.get(..end)?);
    let arguments: Vec<&str> = cmdline.split('\0').collect();
    if let [only] = arguments.as_slice()
        && label_text(base(only.trim_start_matches('-')).as_bytes()) == name
    {
        return None;
    }
    Some(short(&label_text(masked(&arguments).as_bytes()))).filter(|text| !text.is_empty())
}

fn short(text: &str) -> String {
    match text.char_indices().nth(LONGEST) {
        None => text.to_owned(),
        Some(_) => text.chars().take(LONGEST - 1).chain(['…']).collect(),
    }
}

fn base(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// The arguments with a space between them, and `***` for what looks like a secret.
fn masked(arguments: &[&str]) -> String {
    let mut masker = Masker::default();
    let shown: Vec<String> = arguments.iter().map(|argument| masker.argument(argument)).collect();
    shown.join(" ")
}

/// What the words before say of the next one.
#[derive(Default)]
struct Masker {
    next: Next,
    /// The option of a program that was named, and whether its secret may stand apart.
    short: Option<(&'static str, bool)>,
}

#[derive(Clone, Copy, Default, PartialEq)]
enum Next {
    #[default]
    Plain,
    Secret,
    /// `user:password`.
    User,
}

impl Masker {
    /// An argument may be a command line of its own, for a shell. As nobody knows where a secret in quotes ends, the
    /// rest of such an argument is hidden with it.
    fn argument(&mut self, argument: &str) -> String {
        let was_awaited = self.next == Next::Secret;
        if argument.trim().is_empty() {
            self.next = Next::Plain;
        }
        let mut shown: Vec<String> = Vec::new();
        for word in argument.split_whitespace() {
            let masked = self.word(word);
            let is_secret = masked != word;
            shown.push(masked);
            if is_secret && argument.split_whitespace().count() > 1 {
                break;
            }
        }
        if was_awaited { HIDDEN.to_owned() } else { shown.join(" ") }
    }

    fn word(&mut self, word: &str) -> String {
        let before = std::mem::take(&mut self.next);
        // What follows a secret's name may be one itself: `--no-auth --password x`.
        let own = self.option(word);
        match before {
            Next::Secret => HIDDEN.to_owned(),
            Next::User => after(word, ':').unwrap_or(own),
            Next::Plain => own,
        }
    }

    /// A word by itself.
    fn option(&mut self, word: &str) -> String {
        if let Some((option, apart)) = self.short
            && let Some(rest) = word.strip_prefix(option)
        {
            if rest.is_empty() {
                self.next = if apart { Next::Secret } else { Next::Plain };
                return word.to_owned();
            }
            return format!("{option}{HIDDEN}");
        }
        let name = base(word);
        if let Some((_, option, apart)) = SHORT.iter().find(|(start, ..)| name.starts_with(start)) {
            self.short = Some((option, *apart));
        }
        if USERS.contains(&word) {
            self.next = Next::User;
        } else if let Some((name, value)) = named(word) {
            // `Authorization: Bearer …`
            if value.is_empty() {
                self.next = Next::Secret;
                return word.to_owned();
            }
            return format!("{name}{HIDDEN}");
        } else if word.starts_with('-') && is_secret(word) && !word.contains(['=', ':']) {
            self.next = Next::Secret;
        } else if let Some(masked) = USERS.iter().find_map(|option| attached(word, option)) {
            return masked;
        } else if let Some(masked) = address(word) {
            return masked;
        }
        word.to_owned()
    }
}

fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    SECRETS.iter().any(|secret| name.contains(secret))
}

/// `--password=x`, `TOKEN=x`, `https://host/?key=x`, `X-Api-Key:x`: up to the first sign after such a name, and the rest.
fn named(word: &str) -> Option<(&str, &str)> {
    let signs = word.match_indices(['=', ':']).map(|(at, _)| word.split_at(at));
    let mut named = signs.filter(|(name, rest)| is_secret(name) && !rest.starts_with("://"));
    let (name, _) = named.next()?;
    word.split_at_checked(name.len() + 1)
}

/// `--user=name:password`, `-uname:password`.
fn attached(word: &str, option: &str) -> Option<String> {
    let value = word.strip_prefix(option).filter(|value| !value.is_empty())?;
    let masked = after(value, ':').filter(|_| !value.contains("://"))?;
    Some(format!("{option}{masked}"))
}

/// The text up to a sign, and no more.
fn after(word: &str, sign: char) -> Option<String> {
    let (start, end) = word.split_once(sign)?;
    (!end.is_empty()).then(|| format!("{start}{sign}{HIDDEN}"))
}

/// `scheme://user:password@host`, and `https://token@host`. A password may hold any sign, so it ends at the last `@`.
fn address(word: &str) -> Option<String> {
    let (scheme, rest) = word.split_once("://")?;
    let (user, host) = rest.rsplit_once('@')?;
    match user.split_once(':') {
        Some((user, _)) => Some(format!("{scheme}://{user}:{HIDDEN}@{host}")),
        None if scheme.ends_with("http") || scheme.ends_with("https") => {
            Some(format!("{scheme}://{HIDDEN}@{host}"))
        }
        None => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(words: &str) -> String {
        masked(&words.split('|').collect::<Vec<_>>())
    }

    #[test]
    fn arguments_are_separated_by_a_space() {
        assert_eq!(
            command(b"/opt/gate/recognizer\0--camera\0/dev/video0\0", "recognizer").as_deref(),
            Some("/opt/gate/recognizer --camera /dev/video0")
        );
    }

    #[test]
    fn what_says_no_more_than_the_name_is_absent() {
        for line in
            ["recognizer", "recognizer\0", "/opt/gate/recognizer\0\0", "-recognizer", "", "\0"]
        {
            assert_eq!(command(line.as_bytes(), "recognizer"), None, "{line:?}");
        }
        assert!(command(b"/usr/bin/python3\0", "recognizer").is_some());
        assert!(command(b"a-name-longer-than-the-kernels\0", "a-name-longer-t").is_some());
    }

    #[test]
    fn it_is_cut_at_sixty_characters() {
        let long = command(format!("x\0{}", "é".repeat(80)).as_bytes(), "x").unwrap();
        assert_eq!((long.chars().count(), long.ends_with("é…")), (60, true));
        let fits = command(format!("x\0{}", "y".repeat(58)).as_bytes(), "x").unwrap();
        assert_eq!((fits.chars().count(), fits.ends_with('y')), (60, true));
    }

    #[test]
    fn nothing_in_it_can_move_a_cursor() {
        let line = command(b"/bin/x\0\x1b[2J\x07\0a\nb\0\xff\0", "x").unwrap();
        assert_eq!(line, "/bin/x \\x1b[2J\\x07 a b \u{fffd}");
    }

    #[test]
    fn the_value_of_a_secret_is_hidden() {
        for (words, expected) in [
            ("x|--password=abc|-v", "x --password=*** -v"),
            ("x|--password|abc|-v", "x --password *** -v"),
            ("x|--password|a b|-v", "x --password *** -v"),
            ("x|--db-passwd|abc", "x --db-passwd ***"),
            ("x|-token=abc", "x -token=***"),
            ("x|--api-KEY|abc", "x --api-KEY ***"),
            ("x|--client_secret=a=b", "x --client_secret=***"),
            ("x|--auth|abc", "x --auth ***"),
            ("x|--password||-v", "x --password *** -v"),
            ("curl|-H|Cookie: id=abc; a=b|-s", "curl -H Cookie: *** -s"),
            ("x|--credentials|abc", "x --credentials ***"),
            ("x|-Dspring.datasource.password=abc", "x -Dspring.datasource.password=***"),
            ("env|TOKEN=abc|x", "env TOKEN=*** x"),
            ("x|PWD:abc", "x PWD:***"),
            ("curl|-H|X-Api-Key:abc|-s", "curl -H X-Api-Key:*** -s"),
            ("curl|-H|Authorization: Bearer abc|-s", "curl -H Authorization: *** -s"),
        ] {
            assert_eq!(shown(words), expected);
        }
    }

    #[test]
    fn an_option_where_a_secret_was_awaited_still_says_what_follows() {
        assert_eq!(shown("x|--no-auth|--password|abc"), "x --no-auth *** ***");
        assert_eq!(shown("x|--password|--token=abc|-v"), "x --password *** -v");
    }

    #[test]
    fn the_command_of_a_shell_is_looked_through() {
        for (words, expected) in [
            ("sh|-c|mysql --password=abc db", "sh -c mysql --password=***"),
            ("sh|-c|x --password 'a b' -v|y", "sh -c x --password *** y"),
            ("sh|-c|x --password='a b' -v|y", "sh -c x --password=*** y"),
            ("sh|-c|mysql -pabc db", "sh -c mysql -p***"),
            ("sh|-c|curl https://u:p@h/ -s", "sh -c curl https://u:***@h/"),
            ("sh|-c|echo a  b", "sh -c echo a b"),
        ] {
            assert_eq!(shown(words), expected);
        }
    }

    #[test]
    fn a_password_in_an_address_is_hidden() {
        for (words, expected) in [
            ("x|postgres://app:abc@db:5432/app", "x postgres://app:***@db:5432/app"),
            ("x|redis://:abc@db", "x redis://:***@db"),
            ("x|http://u:p@ss/w@h/", "x http://u:***@h/"),
            ("x|https://ghp_abc@github.com/a", "x https://***@github.com/a"),
            ("x|--url=https://u:p@h", "x --url=https://u:***@h"),
            ("x|https://h/?a=1&token=abc&b=2", "x https://h/?a=1&token=***"),
            ("x|ssh://git@h/a", "x ssh://git@h/a"),
            ("x|https://h:8080/a", "x https://h:8080/a"),
        ] {
            assert_eq!(shown(words), expected);
        }
    }

    #[test]
    fn short_options_of_known_programs_are_hidden() {
        for (words, expected) in [
            ("mysql|-uroot|-pabc|db", "mysql -uroot -p*** db"),
            ("/usr/bin/mysqldump|-p|db", "/usr/bin/mysqldump -p db"),
            ("mariadb|-pabc", "mariadb -p***"),
            ("sshpass|-p|abc|ssh|-p|22|h", "sshpass -p *** ssh -p *** h"),
            ("ldapsearch|-w|abc", "ldapsearch -w ***"),
            ("redis-cli|-a|abc|ping", "redis-cli -a *** ping"),
            ("ssh|-p22|h", "ssh -p22 h"),
            ("curl|-u|me:abc|h", "curl -u me:*** h"),
            ("curl|-ume:abc|h", "curl -ume:*** h"),
            ("curl|--user=me:abc|h", "curl --user=me:*** h"),
            ("curl|-u|me|h", "curl -u me h"),
        ] {
            assert_eq!(shown(words), expected);
        }
    }

    #[test]
    fn what_is_no_secret_is_shown() {
        for words in
            ["rsync|-a|/data/|/mnt/nas/", "x|--port=80|--host=h:1", "htpasswd|-b|file", "x|--|a"]
        {
            assert_eq!(shown(words), words.replace('|', " "));
        }
    }

    #[test]
    fn no_end_of_a_line_and_no_odd_byte_is_a_panic() {
        let line = b"mysql\0-pabc\0--password\0x:\xc3=\0https://u:\xe2\x82@h\0Auth:\0";
        assert!(
            (0..line.len())
                .all(|end| command(&line[..end], "mysql").is_none_or(|text| !text.contains("abc")))
        );
    }
}
